//! The root `taskmasterd`: from its keys to the daemon's part of the model.

use super::check::World;
use super::diag::Report;
use super::model::DaemonConfig;
use super::program::BACKUPS;
use super::section::{Reader, Section};
use super::values;

/// The keys under `taskmasterd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DaemonKey {
    Logfile,
    Loglevel,
    Logformat,
    LogfileMaxbytes,
    LogfileBackups,
    Childlogdir,
    Nocleanup,
    Pidfile,
    Umask,
    Socket,
}

pub(super) const DAEMON_KEYS: [(&str, DaemonKey); 10] = [
    ("logfile", DaemonKey::Logfile),
    ("loglevel", DaemonKey::Loglevel),
    ("logformat", DaemonKey::Logformat),
    ("logfile_maxbytes", DaemonKey::LogfileMaxbytes),
    ("logfile_backups", DaemonKey::LogfileBackups),
    ("childlogdir", DaemonKey::Childlogdir),
    ("nocleanup", DaemonKey::Nocleanup),
    ("pidfile", DaemonKey::Pidfile),
    ("umask", DaemonKey::Umask),
    ("socket", DaemonKey::Socket),
];

/// The keys under `socket`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketKey {
    Path,
    Mode,
    Owner,
    Group,
}

pub(super) const SOCKET_KEYS: [(&str, SocketKey); 4] =
    [("path", SocketKey::Path), ("mode", SocketKey::Mode), ("owner", SocketKey::Owner), ("group", SocketKey::Group)];

/// What the section says about the daemon.
pub(super) fn read(section: &Section<'_, '_, DaemonKey>, world: &World<'_>, report: &mut Report<'_>) -> DaemonConfig {
    let mut daemon = DaemonConfig::default();
    let none = Section::new("", section.place);
    let mut reader = Reader { report, own: section, defaults: &none };
    reader.set_filled(&mut daemon.logfile, DaemonKey::Logfile, world, values::log_target);
    reader.set(&mut daemon.loglevel, DaemonKey::Loglevel, values::level);
    reader.set(&mut daemon.logformat, DaemonKey::Logformat, values::log_format);
    reader.set(&mut daemon.rotation.max_bytes, DaemonKey::LogfileMaxbytes, values::size);
    reader.set(&mut daemon.rotation.backups, DaemonKey::LogfileBackups, |n| values::integer(n, BACKUPS));
    reader.set_filled(&mut daemon.childlogdir, DaemonKey::Childlogdir, world, values::path);
    reader.set(&mut daemon.nocleanup, DaemonKey::Nocleanup, values::boolean);
    reader.set_filled(&mut daemon.pidfile, DaemonKey::Pidfile, world, |n| values::path(n).map(Some));
    reader.set_some(&mut daemon.umask, DaemonKey::Umask, values::octal);
    let [own, defaults] = reader.within(DaemonKey::Socket, &SOCKET_KEYS);
    let mut reader = Reader { report: reader.report, own: &own, defaults: &defaults };
    let socket = &mut daemon.socket;
    reader.set_filled(&mut socket.path, SocketKey::Path, world, |n| values::socket_path(n).map(Some));
    reader.set(&mut socket.mode, SocketKey::Mode, values::octal);
    reader.set_some(&mut socket.owner, SocketKey::Owner, values::account);
    reader.set_some(&mut socket.group, SocketKey::Group, values::account);
    daemon
}
