"""What a process may reach, held by the kernel: Landlock, seccomp, limits, no privileges; Linux, without root."""
