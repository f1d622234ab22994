#!/bin/sh
# Calls the Tillgate HTTP API with openssl 3 and curl, signing with an Ed25519 key.
#
#   TILLGATE_URL=https://pay.example TILLGATE_KEYID=shop-1 TILLGATE_KEY=shop-1.pem client.sh GET /v1/accounts
#   … client.sh POST /v1/withdrawals '{"party": "pty_…", "amount": {"minor": 100000, "unit": "CNY"}, …}' my-key-1
#
# A POST takes its Idempotency-Key as the fourth argument, or makes one. TILLGATE_CA names certificates to trust.
# Make a key: openssl genpkey -algorithm ed25519 -out shop-1.pem; openssl pkey -in shop-1.pem -pubout -out shop-1.pub
# This client does not check the answer's signature; examples/client.py does.
set -eu

method=$1
path=$2
body=${3:-}
once=${4:-}
: "${TILLGATE_URL:?}" "${TILLGATE_KEYID:?}" "${TILLGATE_KEY:?}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
newline='
'
url=$TILLGATE_URL$path
names='"@method" "@target-uri"'
base="\"@method\": $method$newline\"@target-uri\": $url$newline"
set -- --silent --show-error --request "$method"

if [ -n "$body" ]; then
  printf '%s' "$body" >"$work/body"
  digest="sha-256=:$(openssl dgst -sha256 -binary "$work/body" | openssl base64 -A):"
  names="$names \"content-digest\""
  base="$base\"content-digest\": $digest$newline"
  set -- "$@" --header 'Content-Type: application/json' --header "Content-Digest: $digest" \
    --data-binary "@$work/body"
fi
if [ "$method" = POST ]; then
  [ -n "$once" ] || once=$(openssl rand -hex 16)
  names="$names \"idempotency-key\""
  base="$base\"idempotency-key\": $once$newline"
  set -- "$@" --header "Idempotency-Key: $once"
fi

parameters="($names);created=$(date +%s);keyid=\"$TILLGATE_KEYID\";alg=\"ed25519\";nonce=\"$(openssl rand -hex 16)\""
printf '%s' "$base\"@signature-params\": $parameters" >"$work/base"
openssl pkeyutl -sign -rawin -inkey "$TILLGATE_KEY" -in "$work/base" -out "$work/signature"
signature=$(openssl base64 -A -in "$work/signature")

if [ -n "${TILLGATE_CA:-}" ]; then
  set -- "$@" --cacert "$TILLGATE_CA"
fi
curl "$@" --fail-with-body --header "Signature-Input: sig1=$parameters" --header "Signature: sig1=:$signature:" "$url"
