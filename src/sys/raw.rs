//! System calls without the C library: for a child that shares its parent's memory.
//!
//! The C library's wrappers store the error number in a variable of the thread. A child that runs in its parent's
//! memory shares that variable, and would change it under the parent. These functions return the error instead, touch
//! no memory of their own, and cannot be interposed.

use std::ffi::c_void;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("taskmaster needs the system call convention of this architecture in src/sys/raw.rs");

/// Up to three arguments of a system call.
pub type Arguments = [usize; 3];

/// A number as the kernel takes it: sign-extended to a machine word.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn word(n: impl Into<i64>) -> usize {
    n.into() as usize
}

/// Makes a system call of up to three arguments; the result, or the error number.
///
/// # Safety
/// As [`call4`].
pub unsafe fn call(number: libc::c_long, arguments: Arguments) -> Result<usize, i32> {
    // SAFETY: the caller's promise.
    unsafe { call4(number, arguments, 0) }
}

/// Makes a system call of four arguments; the result, or the error number.
///
/// # Safety
/// As [`call5`].
pub unsafe fn call4(number: libc::c_long, [a, b, c]: Arguments, fourth: usize) -> Result<usize, i32> {
    // SAFETY: the caller's promise.
    unsafe { call5(number, [a, b, c, fourth, 0]) }
}

/// Makes a system call of five arguments; the result, or the error number.
///
/// # Safety
/// As the call itself: pointers among the arguments must be valid for what it does with them.
pub unsafe fn call5(number: libc::c_long, [a, b, c, d, e]: [usize; 5]) -> Result<usize, i32> {
    let number = word(number);
    let result: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller answers for the arguments; the kernel changes rax, rcx and r11 only.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the caller answers for the arguments; the kernel changes x0 only.
    unsafe {
        std::arch::asm!(
            "svc #0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e,
            options(nostack)
        );
    }
    outcome(result)
}

/// Makes a child by clone3(2) that goes on in `entry(argument)` on its own stack, which `arguments` names; the child's
/// process id.
///
/// # Safety
/// `entry` must never return. If the child shares memory (CLONE_VM), everything it uses must stay as it is until it has
/// executed a program or ended, and it must not touch anything that this process changes meanwhile.
pub unsafe fn clone3(
    arguments: &libc::clone_args,
    entry: unsafe extern "C" fn(*const c_void) -> !,
    argument: *const c_void,
) -> Result<usize, i32> {
    let result: isize;
    let (size, number) = (size_of::<libc::clone_args>(), word(libc::SYS_clone3));
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the parent's side is a plain system call. The child begins with an empty, aligned stack and calls the
    // entry at once; the two registers that carry it across survive the system call.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") number => result,
            in("rdi") arguments, in("rsi") size,
            in("r12") argument, in("r13") entry,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x20",
            "blr x21",
            "brk #1",
            "2:",
            in("x8") number,
            inlateout("x0") arguments => result,
            in("x1") size,
            in("x20") argument, in("x21") entry,
        );
    }
    outcome(result)
}

fn outcome(result: isize) -> Result<usize, i32> {
    // The kernel returns errors as small negative numbers.
    if (-4095..0).contains(&result) {
        Err(i32::try_from(result.unsigned_abs()).unwrap_or(libc::EIO))
    } else {
        Ok(result.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_errors() {
        // SAFETY: getpid takes nothing.
        let pid = unsafe { call(libc::SYS_getpid, [0; 3]) };
        assert_eq!(pid, Ok(std::process::id() as usize));
        // SAFETY: no such descriptor; the pointer is not looked at before that is found out.
        assert_eq!(unsafe { call(libc::SYS_close, [999_999, 0, 0]) }, Err(libc::EBADF));
    }
}
