"""The pure middle of a pass: values in, values out; no I/O, no clock, standard library only."""
