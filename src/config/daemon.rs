//! The root `taskmasterd`: from its keys to the daemon's part of the model.

use crate::base::text::quoted;

use super::check::{Objection, World};
use super::diag::{Level, Report};
use super::model::{Account, DaemonConfig, Roles, SocketConfig};
use super::on_event;
use super::program::BACKUPS;
use super::section::{Reader, Section};
use super::values;

mod http;

pub(super) use http::{HTTP_KEYS, HttpKey};

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
    OnEvent,
    ExitWhen,
    Http,
}

pub(super) const DAEMON_KEYS: [(&str, DaemonKey); 13] = [
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
    ("on_event", DaemonKey::OnEvent),
    ("exit_when", DaemonKey::ExitWhen),
    ("http", DaemonKey::Http),
];

/// The keys under `socket`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketKey {
    Path,
    Mode,
    Owner,
    Group,
    Read,
    Control,
    Admin,
}

pub(super) const SOCKET_KEYS: [(&str, SocketKey); 7] = [
    ("path", SocketKey::Path),
    ("mode", SocketKey::Mode),
    ("owner", SocketKey::Owner),
    ("group", SocketKey::Group),
    ("read", SocketKey::Read),
    ("control", SocketKey::Control),
    ("admin", SocketKey::Admin),
];

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
    socket(&mut daemon.socket, &own, &defaults, world, reader.report);
    let mut reader = Reader { report: reader.report, own: section, defaults: &none };
    daemon.exit_when = reader.value(DaemonKey::ExitWhen, values::exit_when).flatten();
    daemon.on_event = on_event::read(&mut reader, world);
    daemon.http = http::read(&mut reader, world);
    daemon
}

fn socket(
    socket: &mut SocketConfig,
    own: &Section<'_, '_, SocketKey>,
    defaults: &Section<'_, '_, SocketKey>,
    world: &World<'_>,
    report: &mut Report<'_>,
) {
    let mut reader = Reader { report, own, defaults };
    reader.set_filled(&mut socket.path, SocketKey::Path, world, |n| values::socket_path(n).map(Some));
    reader.set(&mut socket.mode, SocketKey::Mode, values::octal);
    reader.set_some(&mut socket.owner, SocketKey::Owner, values::account);
    reader.set_some(&mut socket.group, SocketKey::Group, values::account);
    let mut role = |key| role(&mut reader, key, socket, world);
    socket.roles =
        Roles { read: role(SocketKey::Read), control: role(SocketKey::Control), admin: role(SocketKey::Admin) };
}

/// To whom a role is given, if each of them can be had.
fn role(
    reader: &mut Reader<'_, '_, '_, '_, SocketKey>,
    key: SocketKey,
    socket: &SocketConfig,
    world: &World<'_>,
) -> Vec<Account> {
    let Some((section, found)) = reader.find(key) else { return Vec::new() };
    let holders = reader.value_of(section, found, values::holders).unwrap_or_default();
    let path = section.path_to(&found.entry.key);
    let mut objections: Vec<Objection> = holders.iter().filter_map(|holder| (world.holder)(holder).err()).collect();
    if objections.is_empty() {
        objections.extend(unreachable(&holders, socket).map(Objection::warning));
    }
    for Objection { level, text } in objections {
        match level {
            Level::Error => reader.report.error(found.place, &path, text),
            Level::Warning => reader.report.warning(found.place, &path, text),
        }
    }
    holders
}

/// What is to be said if somebody has a role and cannot connect, as far as names tell. The kernel wants the permission to
/// write, and the owner has that by other bits than the group and everybody else.
fn unreachable(holders: &[Account], socket: &SocketConfig) -> Option<String> {
    const OTHERS: u32 = 0o002;
    const GROUP: u32 = 0o020;
    let may_anyway = |holder: &&Account| match holder {
        Account::User(name) => name == "root" || name == "0" || Some(name) == socket.owner.as_ref(),
        Account::Group(_) => false,
    };
    let outside = holders.iter().find(|holder| !may_anyway(holder))?;
    let mode = socket.mode;
    if mode & OTHERS != 0 || (mode & GROUP != 0 && socket.group.is_some()) {
        return None;
    }
    let who = quoted(&outside.to_string());
    if mode & GROUP != 0 {
        return Some(format!(
            "{who} cannot connect unless in the group of the daemon: name with socket.group the group that the mode \
             {mode:04o} lets in"
        ));
    }
    let remedy = match outside {
        Account::Group(name) => format!("mode: 0660 and group: {name}"),
        Account::User(_) => {
            "mode: 0660 and a group, or mode: 0666 (what each may do is decided by the roles)".to_owned()
        }
    };
    Some(format!("{who} cannot connect, the mode of the socket is {mode:04o}: give it {remedy}"))
}
