# syntax=docker/dockerfile:1
# Built in one stage and run in another, so no compiler, package index setting or lock ends up in what is shipped.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/tillgate
WORKDIR /src
COPY requirements.lock ./
RUN /opt/tillgate/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY config config
COPY channels channels
COPY connectors connectors
COPY gateway gateway
RUN /opt/tillgate/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Tillgate" \
      org.opencontainers.image.description="Open-source payment gateway and front-end processor" \
      org.opencontainers.image.licenses="Apache-2.0"
# PostgreSQL asks for the name of the user it runs as, so a bare number is not enough.
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/tillgate --create-home tillgate
COPY --from=build /opt/tillgate /opt/tillgate
ENV PATH=/opt/tillgate/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TILLGATE_HTTP__HOST=0.0.0.0 \
    TILLGATE_HTTP__PORT=8080 \
    TILLGATE_TERMINALS__LISTENERS='[{"dialect": "cups", "host": "0.0.0.0", "port": 8583}]'
USER 10001:10001
# Relative folders of the settings (master keys) lie here.
WORKDIR /var/lib/tillgate
VOLUME /var/lib/tillgate
EXPOSE 8080 8583
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['TILLGATE_HTTP__PORT']}/health/live\", timeout=2)"]
# Needs TILLGATE_DATABASE__DSN and TILLGATE_HTTP__PUBLIC_ADDRESS; run `migrate` once before.
ENTRYPOINT ["tillgate"]
CMD ["serve"]
