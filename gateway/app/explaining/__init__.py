"""`tillgate explain`: what a terminal sent, read by the door's own rules, and why it was refused.

Card data, keys and PIN blocks are never shown: every value goes through the mask of its field.
"""
