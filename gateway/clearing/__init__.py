"""The clearing core: the one road of a payment, instructions to banks, and what becomes of them (rows C2, C20-C31).

Rules of the room: what is sent was durable before; an authorisation is never sent again, only asked for, else undone;
a time-out is neither failure nor success; nothing is held across a call to a bank.
"""
