"""Runs compiled code: native entry, dispatch, variants, glue, continuation of broken frames."""
