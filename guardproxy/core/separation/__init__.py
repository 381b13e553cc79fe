"""Keeping operator, user and data apart: who may speak as whom, and text of lower trust that stays data."""
