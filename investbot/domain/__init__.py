"""The words of the house: values, events and errors, standard library only."""
