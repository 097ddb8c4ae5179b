//! The capabilities of capabilities(7), by name and number, and sets of them.

use std::fmt;

use super::nearest::suggestion;
use super::text::quoted;

/// The names without `CAP_`, each at its number.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// A set of capabilities: the bit at its number is set for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(pub u64);

/// The numbers of those that the daemon asks for by itself.
pub mod number {
    /// `chown`.
    pub const CHOWN: u32 = 0;
    /// `setgid`: set groups.
    pub const SETGID: u32 = 6;
    /// `setpcap`: take capabilities out of the bounding set.
    pub const SETPCAP: u32 = 8;
    /// `sys_chroot`.
    pub const SYS_CHROOT: u32 = 18;
    /// `sys_admin`.
    pub const SYS_ADMIN: u32 = 21;
    /// `sys_nice`.
    pub const SYS_NICE: u32 = 23;
    /// `sys_resource`: raise hard limits.
    pub const SYS_RESOURCE: u32 = 24;
}

impl Capabilities {
    /// The number of a capability, by its name with or without `CAP_`, in capitals or not.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn read(text: &str) -> Result<u32, String> {
        let lower = text.to_ascii_lowercase();
        let bare = lower.strip_prefix("cap_").unwrap_or(&lower);
        let found = NAMES.iter().position(|name| *name == bare).and_then(|at| u32::try_from(at).ok());
        found.ok_or_else(|| format!("no capability {}{}", quoted(text), suggestion(bare, NAMES)))
    }

    /// With one more.
    #[must_use]
    pub fn with(self, number: u32) -> Capabilities {
        Capabilities(self.0 | 1u64.checked_shl(number).unwrap_or(0))
    }

    /// Whether it has this one.
    #[must_use]
    pub fn has(self, number: u32) -> bool {
        self.0.checked_shr(number).unwrap_or(0) & 1 == 1
    }

    /// Those that the other does not have.
    #[must_use]
    pub fn without(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 & !other.0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The name of one.
    #[must_use]
    pub fn name(number: u32) -> String {
        let known = usize::try_from(number).ok().and_then(|at| NAMES.get(at));
        known.map_or_else(|| format!("cap_{number}"), |name| (*name).to_owned())
    }

    /// All names, without `CAP_`.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }
}

impl fmt::Display for Capabilities {
    /// `[chown, net_raw]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = (0..64).filter(|n| self.has(*n)).map(Capabilities::name).collect();
        write!(f, "[{}]", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(Capabilities::read("CAP_NET_BIND_SERVICE"), Ok(10));
        assert_eq!(Capabilities::read("net_raw"), Ok(13));
        assert_eq!(Capabilities::read("cap_checkpoint_restore"), Ok(40));
        for (number, name) in [
            (number::CHOWN, "chown"),
            (number::SETGID, "setgid"),
            (number::SETPCAP, "setpcap"),
            (number::SYS_CHROOT, "sys_chroot"),
            (number::SYS_ADMIN, "sys_admin"),
            (number::SYS_NICE, "sys_nice"),
            (number::SYS_RESOURCE, "sys_resource"),
        ] {
            assert_eq!((Capabilities::read(name), Capabilities::name(number).as_str()), (Ok(number), name));
        }
        let wrong = Capabilities::read("CAP_NET_RAWW").unwrap_err();
        assert_eq!(wrong, "no capability \"CAP_NET_RAWW\" (did you mean \"net_raw\"?)");
    }

    #[test]
    fn sets() {
        let set = Capabilities::default().with(0).with(13).with(63).with(64);
        assert_eq!(set.to_string(), "[chown, net_raw, cap_63]");
        assert!(set.has(13) && !set.has(12) && !set.has(64) && !set.is_empty());
        assert_eq!(set.without(Capabilities(1)).with(0), set);
    }
}
