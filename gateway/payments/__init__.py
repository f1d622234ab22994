"""The payment protocol and its state machines: what may happen to a payment, decided by pure functions over records.

A payment is an accounting instruction plus a clearing instruction (row C2). This room decides; the journal makes a
decision durable and `clearing` acts on it. One verb per module; states are tables; a decline is an answer.
"""
