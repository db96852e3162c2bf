"""The Gallery tab: everything that was made."""
