"""Rules, limits and exits that stand between an opinion and an order."""
