//! `listen` and `on_demand`: sockets that are opened for a program, and whether it is started by the first connection.

use std::ops::{Range, RangeInclusive};

use crate::base::nearest::suggestion;
use crate::base::text::quoted;
use crate::base::tree::{Entry, Node, Value};
use crate::config::expand::is_template;
use crate::config::model::{Listen, ListenAddress, Probe, Program};
use crate::config::values::{self, Read};

use super::{Key, ProgramReader};

/// How many sockets a program may have.
pub(in crate::config) const SOCKETS: usize = 100;
/// How many connections may wait.
pub(in crate::config) const BACKLOG: RangeInclusive<u32> = 1..=65_535;
/// The longest name of a socket.
const NAME_BYTES: usize = 255;
/// The descriptor that is the first socket.
const FIRST: u32 = 3;

/// The keys of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum ListenKey {
    Address,
    Name,
    Mode,
    Owner,
    Group,
    Backlog,
}

pub(in crate::config) const LISTEN_KEYS: [(&str, ListenKey); 6] = [
    ("address", ListenKey::Address),
    ("name", ListenKey::Name),
    ("mode", ListenKey::Mode),
    ("owner", ListenKey::Owner),
    ("group", ListenKey::Group),
    ("backlog", ListenKey::Backlog),
];

/// Reads both into the program.
pub(super) fn read(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program) {
    reader.set(&mut program.listen, Key::Listen, sockets);
    reader.set(&mut program.policy.on_demand, Key::OnDemand, values::boolean);
}

/// Holds the sockets against the other keys of a program, which have been read.
pub(super) fn hold_against_the_rest(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program) {
    let numbers = FIRST..FIRST + u32::try_from(program.listen.len()).unwrap_or(u32::MAX - FIRST);
    if let Some((section, found)) = reader.find(Key::Listen) {
        for fd in numbers_of_checks(program).filter(|fd| numbers.contains(fd)) {
            let Range { start, end } = &numbers;
            let text = format!(
                "takes the descriptors {start} to {}, and the check has fd: {fd}; give that {end} or a higher one",
                end - 1
            );
            reader.report.error(found.place, section.path_to(&found.entry.key), text);
        }
    }
    if !program.policy.on_demand {
        return;
    }
    let wrong = if program.listen.is_empty() {
        "needs listen: without a socket there is nothing that it could be started by"
    } else if program.schedule.is_some() {
        "cannot be used with a schedule: it is either time or a connection that starts it"
    } else if program.policy.oneshot {
        "cannot be used with \"oneshot: true\": a job that is done is not started again"
    } else {
        return;
    };
    // In the defaults it is for those that it can be used with.
    program.policy.on_demand = false;
    if let Some(found) = reader.own.get(Key::OnDemand) {
        reader.report.error(found.place, reader.own.path_to(&found.entry.key), wrong);
    }
}

fn numbers_of_checks(program: &Program) -> impl Iterator<Item = u32> + use<> {
    let checks = [program.policy.readiness.as_deref(), program.policy.healthcheck.as_deref()];
    checks
        .map(|check| match check.map(|check| &check.probe) {
            Some(Probe::Fd(fd)) => Some(*fd),
            Some(Probe::Exec(_) | Probe::Tcp(_) | Probe::Http { .. } | Probe::Log(_) | Probe::Notify) | None => None,
        })
        .into_iter()
        .flatten()
}

/// One address, one socket with what is said of it, or a list of both.
fn sockets(node: &Node<'_>) -> Read<Vec<Listen>> {
    let items = match &node.value {
        Value::Null => return Ok(Vec::new()),
        Value::Seq(items) => items,
        Value::Scalar(..) | Value::Map(_) => return socket(node).map(|one| vec![one]),
    };
    if items.len() > SOCKETS {
        return Err(format!("has {} sockets; a program has at most {SOCKETS}", items.len()));
    }
    let mut all: Vec<Listen> = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let one = socket(item).map_err(|problem| format!("item {}: {problem}", i + 1))?;
        if all.iter().any(|other| other.address == one.address) {
            return Err(format!("names {} twice", quoted(&one.address)));
        }
        all.push(one);
    }
    Ok(all)
}

fn socket(node: &Node<'_>) -> Read<Listen> {
    match &node.value {
        Value::Map(entries) => described(entries),
        Value::Null | Value::Scalar(..) | Value::Seq(_) => address(node).map(Listen::new),
    }
}

fn described(entries: &[Entry<'_>]) -> Read<Listen> {
    let mut one = Listen::new(String::new());
    for (n, entry) in entries.iter().enumerate() {
        let named = |problem: String| format!("{} {problem}", entry.key);
        if entries.iter().take(n).any(|other| other.key == entry.key) {
            return Err(named("is given twice".to_owned()));
        }
        let Some((_, key)) = LISTEN_KEYS.iter().find(|(name, _)| *name == entry.key) else {
            let near = suggestion(&entry.key, LISTEN_KEYS.iter().map(|(name, _)| *name));
            return Err(format!("{} is not a known key{near}", quoted(&entry.key)));
        };
        let value = &entry.value;
        match key {
            ListenKey::Address => one.address = address(value).map_err(named)?,
            ListenKey::Name => one.name = Some(name(value).map_err(named)?),
            ListenKey::Mode => one.mode = Some(values::octal(value).map_err(named)?),
            ListenKey::Owner => one.owner = Some(values::account(value).map_err(named)?),
            ListenKey::Group => one.group = Some(values::account(value).map_err(named)?),
            ListenKey::Backlog => one.backlog = Some(values::integer(value, BACKLOG).map_err(named)?),
        }
    }
    if one.address.is_empty() {
        return Err("has no address: give one as 127.0.0.1:8080 or unix:/run/web.sock".to_owned());
    }
    let has_file = is_template(&one.address) || matches!(one.address.parse(), Ok(ListenAddress::Unix(_)));
    let of_file = [("mode", one.mode.is_some()), ("owner", one.owner.is_some()), ("group", one.group.is_some())];
    match of_file.into_iter().find(|(_, given)| *given && !has_file) {
        Some((key, _)) => Err(format!("{key} is for Unix sockets with a path, which {} is not", quoted(&one.address))),
        None => Ok(one),
    }
}

fn address(node: &Node<'_>) -> Read<String> {
    let text = values::any_text(node, "an address as in 127.0.0.1:8080")?;
    if !is_template(text) {
        text.parse::<ListenAddress>()?;
    }
    Ok(text.to_owned())
}

/// What stands between colons in a variable.
fn name(node: &Node<'_>) -> Read<String> {
    let text = values::any_text(node, "a name")?;
    let fits = |b: u8| (b.is_ascii_graphic() || b == b' ') && b != b':';
    if text.is_empty() || text.len() > NAME_BYTES || !text.bytes().all(fits) {
        return Err(format!(
            "{} is not a name of at most {NAME_BYTES} visible ASCII signs without \":\"",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::config::model::{Config, Listen};
    use crate::config::{Source, World, parse};

    fn read(programs: &str) -> Result<Config, String> {
        let text = format!("programs: {{{programs}}}");
        let parsed = parse(&[Source::new("c.yaml", &text)], &World::with_env(&|_| None));
        parsed.map(|parsed| parsed.config).map_err(|told| told[0].to_string())
    }

    fn listen(value: &str) -> Vec<Listen> {
        let config = read(&format!("web: {{cmd: x, listen: {value}}}")).unwrap();
        config.programs.values().next().unwrap().listen.clone()
    }

    #[test]
    fn one_or_several_in_two_forms() {
        let plain = |address: &str| Listen::new(address.to_owned());
        assert_eq!(listen("8080"), [plain("8080")]);
        assert_eq!(listen("[]"), []);
        assert_eq!(listen("['*:80', 'unix:/run/${num}']"), [plain("*:80"), plain("unix:/run/${num}")]);
        let one = Listen {
            name: Some("a b".to_owned()),
            mode: Some(0o660),
            owner: Some("www".to_owned()),
            group: Some("42".to_owned()),
            backlog: Some(7),
            ..plain("unix:/run/x")
        };
        let text = "{address: 'unix:/run/x', name: a b, mode: 660, owner: www, group: 42, backlog: 7}";
        assert_eq!(listen(text), std::slice::from_ref(&one));
        assert_eq!(listen(&format!("[80, {text}]")), [plain("80"), one]);
    }

    #[test]
    fn what_cannot_be() {
        for (value, says) in [
            ("''", "is no address"),
            ("0", "port 0"),
            ("example.org:80", "is no address"),
            ("[80, {name: x}]", "item 2: has no address"),
            ("[80, 80]", "names \"80\" twice"),
            ("[80, ':80']", "twice"),
            ("{address: 80, mode: 660}", "mode is for Unix sockets with a path"),
            ("{address: 'unix:@x', owner: root}", "owner is for Unix sockets"),
            ("{address: 80, backlog: 0}", "backlog 0 is out of range"),
            ("{address: 80, name: 'a:b'}", "is not a name"),
            ("{address: 80, adress: 81}", "did you mean \"address\"?"),
            ("'unix:/run/${no}'", "${no}"),
            ("'unix:${num}'", "with its variables filled in"),
        ] {
            let told = read(&format!("web: {{cmd: x, listen: {value}}}")).unwrap_err();
            assert!(told.contains("programs.web.listen: ") && told.contains(says), "{value}: {told}");
        }
    }

    #[test]
    fn a_socket_is_one_program_s() {
        let both = |a: &str, b: &str| read(&format!("a: {{cmd: x, {a}}}, b: {{cmd: x, {b}}}"));
        let told = both("listen: ':80'", "listen: ['127.0.0.1:80']").unwrap_err();
        assert!(told.contains("programs.b.listen: 127.0.0.1:80 is where programs.a.listen"), "{told}");
        let told = both("numprocs: 3, listen: '808${num}'", "listen: 8082").unwrap_err();
        assert!(told.contains("127.0.0.1:8082 is where"), "{told}");
        assert!(both("numprocs: 2, listen: '808${num}'", "listen: 8082").is_ok());
        let told = read("a: {cmd: x, listen: 'unix:/s'}}\ntaskmasterd: {socket: {path: /s}").unwrap_err();
        assert!(told.contains("where the daemon itself listens"), "{told}");
    }

    #[test]
    fn its_numbers_are_its_own() {
        let with = |keys: &str| read(&format!("web: {{cmd: x, listen: [80, 81], {keys}}}"));
        let told = with("readiness: {fd: 4}").unwrap_err();
        assert!(
            told.contains("takes the descriptors 3 to 4") && told.contains("give that 5 or a higher one"),
            "{told}"
        );
        assert!(with("readiness: {fd: 5}").is_ok());
    }

    #[test]
    fn on_demand_needs_a_socket_and_no_job() {
        let told = |keys: &str| read(&format!("web: {{cmd: x, on_demand: true, {keys}}}")).unwrap_err();
        assert!(told("stdin: pipe").contains("programs.web.on_demand: needs listen"));
        assert!(told("listen: 80, oneshot: true").contains("oneshot"));
        assert!(told("listen: 80, every: 1h").contains("schedule"));
        // Among the defaults it is for those that have sockets.
        let config = read("a: {cmd: x}, b: {cmd: x, listen: 80}}\ndefaults: {on_demand: true").unwrap();
        let on_demand: Vec<bool> = config.programs.values().map(|program| program.policy.on_demand).collect();
        assert_eq!(on_demand, [false, true]);
    }
}
