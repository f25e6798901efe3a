"""The files an operator writes: profiles, instances, the fleet. Read with care, refused with every mistake named."""
