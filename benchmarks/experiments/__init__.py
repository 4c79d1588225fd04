"""The acceptance experiments of the validation statistics, one file per family; `calibration.py` beside this folder runs them."""
