"""The system calls that an instance never makes and a hostile plugin would, with their numbers on each processor.

Sources: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

from collections.abc import Mapping

ARCHITECTURES: Mapping[str, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What seccomp calls each processor (linux/audit.h)."""
FIRST_UNKNOWN = 470
"""The first number without a meaning on both when this was written; what comes later is refused as not there."""

_TABLE = """
execve 59 221               execveat 322 281            fork 57 -                   vfork 58 -
ptrace 101 117              process_vm_readv 310 270    process_vm_writev 311 271   process_madvise 440 440
process_mrelease 448 448    pidfd_open 434 434          pidfd_getfd 438 438         pidfd_send_signal 424 424
kcmp 312 272                tkill 200 130               rt_sigqueueinfo 129 138     rt_tgsigqueueinfo 297 240
setpriority 141 140         ioprio_set 251 30           sched_setaffinity 203 122   sched_setscheduler 144 119
sched_setparam 142 118      sched_setattr 314 274       move_pages 279 239          migrate_pages 256 238
kexec_load 246 104          kexec_file_load 320 294     reboot 169 142              init_module 175 105
finit_module 313 273        delete_module 176 106       bpf 321 280                 perf_event_open 298 241
userfaultfd 323 282         io_uring_setup 425 425      io_uring_enter 426 426      io_uring_register 427 427
keyctl 250 219              add_key 248 217             request_key 249 218         personality 135 92
mount 165 40                umount2 166 39              pivot_root 155 41           chroot 161 51
open_tree 428 428           open_tree_attr 467 467      move_mount 429 429          fsopen 430 430
fsconfig 431 431            fsmount 432 432             fspick 433 433              mount_setattr 442 442
unshare 272 97              setns 308 268               swapon 167 224              swapoff 168 225
acct 163 89                 quotactl 179 60             quotactl_fd 443 443         syslog 103 116
settimeofday 164 170        clock_settime 227 112       clock_adjtime 305 266       adjtimex 159 171
sethostname 170 161         setdomainname 171 162       iopl 172 -                  ioperm 173 -
modify_ldt 154 -            vhangup 153 58              uselib 134 -                nfsservctl 180 42
lookup_dcookie 212 18       fanotify_init 300 262       fanotify_mark 301 263       inotify_init 253 -
inotify_init1 294 26        inotify_add_watch 254 27    name_to_handle_at 303 264   open_by_handle_at 304 265
chmod 90 -                  fchmodat 268 53             fchmodat2 452 452           chown 92 -
lchown 94 -                 fchownat 260 54             setxattr 188 5              lsetxattr 189 6
setxattrat 463 463          removexattr 197 14          lremovexattr 198 15         removexattrat 466 466
file_setattr 469 469        utime 132 -                 utimes 235 -                futimesat 261 -
truncate 76 45              mknod 133 -                 mknodat 259 33              symlink 88 -
symlinkat 266 36            link 86 -                   linkat 265 37
shmget 29 194               shmat 30 196                shmctl 31 195               semget 64 190
semop 65 193                semctl 66 191               semtimedop 220 192          msgget 68 186
msgsnd 69 189               msgrcv 70 188               msgctl 71 187               mq_open 240 180
mq_unlink 241 181
"""
_ASKED = """
clone 56 220                clone3 435 435              kill 62 129                 tgkill 234 131
prlimit64 302 261           prctl 157 167               ioctl 16 29                 socket 41 198
sendto 44 206               sendmsg 46 211              sendmmsg 307 269            utimensat 280 88
bind 49 200                 listen 50 201               accept 43 202               accept4 288 242
"""


def _numbers(table: str, machine: str) -> dict[str, int]:
    words = table.split()
    column = 1 + list(ARCHITECTURES).index(machine)
    rows = [words[place : place + 3] for place in range(0, len(words), 3)]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


def refused(machine: str) -> dict[str, int]:
    """Give name and number of every call that is refused whatever its arguments."""
    return _numbers(_TABLE, machine)


def looked_into(machine: str) -> dict[str, int]:
    """Give name and number of every call whose arguments, or the policy, decide."""
    return _numbers(_ASKED, machine)
