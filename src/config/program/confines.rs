//! What a program is confined to: `rlimits`, `nice`, `ionice`, `oom_score_adj`, `cpu_affinity`, `no_new_privs`,
//! `capabilities`, `chroot`, `memory_max`, `cpu_max`, `pids_max`, `extra_groups`, `dirs`.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::base::capability::Capabilities;
use crate::base::nearest::suggestion;
use crate::base::resource::Resource;
use crate::base::scheduling::{Cpus, IoPriority};
use crate::base::text::quoted;
use crate::base::tree::{Entry, Node, Scalar, Value};
use crate::config::model::{Confines, Directory, Program};
use crate::config::section::Reader;
use crate::config::values::{self, Read};

use super::{Key, ProgramReader, texts};

pub(in crate::config) const NICE: RangeInclusive<i32> = -20..=19;
pub(in crate::config) const OOM_SCORE_ADJ: RangeInclusive<i16> = -1000..=1000;
/// The kernel has at most so many processes.
pub(in crate::config) const PIDS: RangeInclusive<u32> = 1..=4_194_304;
/// What counts as no limit.
pub(in crate::config) const UNLIMITED: &str = "unlimited";

/// The keys under `capabilities`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum CapabilityKey {
    Bounding,
    Ambient,
}

pub(in crate::config) const CAPABILITY_KEYS: [(&str, CapabilityKey); 2] =
    [("bounding", CapabilityKey::Bounding), ("ambient", CapabilityKey::Ambient)];

/// Reads all of them into the program.
pub(super) fn read(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program) {
    let mut confines = Confines::default();
    let c = &mut confines;
    rlimits(reader, c);
    reader.set_some(&mut c.nice, Key::Nice, |n| values::integer(n, NICE));
    reader.set_some(&mut c.ionice, Key::Ionice, |n| {
        IoPriority::parse(values::any_text(n, "a class such as best-effort:4")?)
    });
    reader.set_some(&mut c.oom_score_adj, Key::OomScoreAdj, |n| values::integer(n, OOM_SCORE_ADJ));
    reader.set(&mut c.cpu_affinity, Key::CpuAffinity, processors);
    reader.set(&mut c.no_new_privs, Key::NoNewPrivs, values::boolean);
    capabilities(reader, c);
    reader.set_some(&mut c.chroot, Key::Chroot, values::path);
    reader.set(&mut c.tree.memory, Key::MemoryMax, |n| or_unlimited(n, positive_size));
    reader.set(&mut c.tree.cpu, Key::CpuMax, |n| or_unlimited(n, per_cent));
    reader.set(&mut c.tree.pids, Key::PidsMax, |n| or_unlimited(n, |n| values::integer(n, PIDS)));
    program.confines = (confines != Confines::default()).then(|| Box::new(confines));
    reader.set(&mut program.extra_groups, Key::ExtraGroups, groups);
    reader.set(&mut program.dirs, Key::Dirs, directories);
}

fn rlimits(reader: &mut ProgramReader<'_, '_, '_, '_>, confines: &mut Confines) {
    let [own, defaults] = reader.within(Key::Rlimits, &Resource::NAMES);
    let mut reader = Reader { report: reader.report, own: &own, defaults: &defaults };
    for (_, resource) in Resource::NAMES {
        if let Some(limit) =
            reader.value(resource, |n| resource.parse(values::any_text(n, "a limit, or a soft and a hard one")?))
        {
            confines.rlimits.insert(resource, limit);
        }
    }
}

fn capabilities(reader: &mut ProgramReader<'_, '_, '_, '_>, confines: &mut Confines) {
    let Some((section, found)) = reader.find(Key::Capabilities) else { return };
    let path = section.path_to(&found.entry.key);
    let [own, defaults] = reader.within(Key::Capabilities, &CAPABILITY_KEYS);
    let mut reader = Reader { report: reader.report, own: &own, defaults: &defaults };
    reader.set_some(&mut confines.bounding, CapabilityKey::Bounding, set_of_capabilities);
    reader.set(&mut confines.ambient, CapabilityKey::Ambient, set_of_capabilities);
    let beyond = confines.bounding.map_or(Capabilities::default(), |bounding| confines.ambient.without(bounding));
    if !beyond.is_empty() {
        let text = format!("ambient has {beyond}, which bounding does not have");
        reader.report.error(found.place, path, text);
    }
}

/// One name, or a list of names.
fn set_of_capabilities(node: &Node<'_>) -> Read<Capabilities> {
    const EXPECTED: &str = "a list of capabilities";
    let names = match &node.value {
        Value::Seq(_) => texts(node, "the name of a capability")?,
        Value::Scalar(..) | Value::Null | Value::Map(_) => vec![values::any_text(node, EXPECTED)?.to_owned()],
    };
    names.iter().try_fold(Capabilities::default(), |set, name| Ok(set.with(Capabilities::read(name)?)))
}

/// A number, `0-3,6`, or a list of both.
fn processors(node: &Node<'_>) -> Read<Cpus> {
    let all = match &node.value {
        Value::Seq(_) => texts(node, "the number of a processor")?,
        Value::Scalar(..) | Value::Null | Value::Map(_) => {
            vec![values::any_text(node, "a list of processors such as 0-3,6")?.to_owned()]
        }
    };
    let all: Vec<Cpus> = all.iter().map(|text| Cpus::parse(text)).collect::<Read<_>>()?;
    let all = Cpus::new(all.iter().flat_map(|some| some.numbers().iter().copied()).collect());
    if all.is_empty() { Err("is empty: name a processor, or leave the key out".to_owned()) } else { Ok(all) }
}

fn or_unlimited<T>(node: &Node<'_>, read: impl FnOnce(&Node<'_>) -> Read<T>) -> Read<Option<T>> {
    match &node.value {
        Value::Scalar(Scalar::Text, text) if text.eq_ignore_ascii_case(UNLIMITED) => Ok(None),
        Value::Scalar(..) | Value::Null | Value::Seq(_) | Value::Map(_) => read(node).map(Some),
    }
}

/// A size of which something can be had.
fn positive_size(node: &Node<'_>) -> Read<u64> {
    match values::size(node)? {
        0 => Err(format!("is 0: nothing could run; give a size such as 512MB, or \"{UNLIMITED}\"")),
        size => Ok(size),
    }
}

/// `50%`, in hundredths.
fn per_cent(node: &Node<'_>) -> Read<u32> {
    const MOST: u32 = 1_000_000;
    let text = values::any_text(node, "a share of a processor such as 50%")?;
    let share = || format!("{} is not a share of a processor such as 50% or 150%", quoted(text));
    let number = text.trim().strip_suffix('%').map(str::trim_end).ok_or_else(share)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 2 {
        return Err(share());
    }
    let hundredths = format!("{whole}{part:0<2}").parse().unwrap_or(u32::MAX);
    if (100..=MOST * 100).contains(&hundredths) {
        Ok(hundredths)
    } else {
        Err(format!("{} is out of range (1% to {MOST}%)", quoted(text)))
    }
}

/// One group, or a list.
fn groups(node: &Node<'_>) -> Read<Vec<String>> {
    match &node.value {
        Value::Null => Ok(Vec::new()),
        Value::Seq(items) => items.iter().map(values::account).collect(),
        Value::Scalar(..) | Value::Map(_) => values::account(node).map(|one| vec![one]),
    }
}

/// One path, a list of paths, or a map of paths with what is said of each.
fn directories(node: &Node<'_>) -> Read<Vec<Directory>> {
    let plain = |node: &Node<'_>| values::path(node).map(Directory::new);
    let all: Vec<Directory> = match &node.value {
        Value::Null => Vec::new(),
        Value::Scalar(..) => vec![plain(node)?],
        Value::Seq(items) => items.iter().map(plain).collect::<Read<_>>()?,
        Value::Map(entries) => entries.iter().map(directory).collect::<Read<_>>()?,
    };
    for (n, one) in all.iter().enumerate() {
        if all.iter().take(n).any(|other| other.path == one.path) {
            return Err(format!("names {} twice", quoted(&one.path)));
        }
    }
    Ok(all)
}

fn directory(entry: &Entry<'_>) -> Read<Directory> {
    const KEYS: [&str; 3] = ["owner", "group", "mode"];
    let in_it = |problem: String| format!("{}: {problem}", quoted(&entry.key));
    let path = Node { value: Value::Scalar(Scalar::Text, Cow::Borrowed(entry.key.as_ref())), at: entry.at };
    let mut one = Directory::new(values::path(&path).map_err(in_it)?);
    let keys = match &entry.value.value {
        Value::Null => return Ok(one),
        Value::Map(keys) => keys,
        Value::Scalar(..) | Value::Seq(_) => {
            return Err(in_it(format!("is {}, not a map of {}", entry.value.value.what(), KEYS.join(", "))));
        }
    };
    for (n, key) in keys.iter().enumerate() {
        let named = |problem: String| in_it(format!("{} {problem}", key.key));
        if keys.iter().take(n).any(|other| other.key == key.key) {
            return Err(named("is given twice".to_owned()));
        }
        match key.key.as_ref() {
            "owner" => one.owner = Some(values::account(&key.value).map_err(named)?),
            "group" => one.group = Some(values::account(&key.value).map_err(named)?),
            "mode" => one.mode = Some(values::octal(&key.value).map_err(named)?),
            other => return Err(in_it(format!("{} is not a known key{}", quoted(other), suggestion(other, KEYS)))),
        }
    }
    Ok(one)
}
