//! The keys of `http` below `taskmasterd`.

use crate::base::text::quoted;
use crate::base::tree::{Node, Value};
use crate::config::check::World;
use crate::config::expand;
use crate::config::model::{HttpAddress, HttpConfig};
use crate::config::section::Reader;
use crate::config::values::{self, Read};

use super::DaemonKey;

/// The keys under `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpKey {
    Listen,
    Control,
    TokenFile,
    Hosts,
}

pub const HTTP_KEYS: [(&str, HttpKey); 4] = [
    ("listen", HttpKey::Listen),
    ("control", HttpKey::Control),
    ("token_file", HttpKey::TokenFile),
    ("hosts", HttpKey::Hosts),
];

/// The longest name of a host, and its port.
const HOST_BYTES: usize = 260;

/// What is said of HTTP; `None` if nothing is.
pub(super) fn read(outer: &mut Reader<'_, '_, '_, '_, DaemonKey>, world: &World<'_>) -> Option<HttpConfig> {
    let (section, found) = outer.find(DaemonKey::Http)?;
    let (place, path) = (found.place, section.path_to(&found.entry.key));
    if values::is_null(&found.entry.value) {
        return None;
    }
    let [own, defaults] = outer.within(DaemonKey::Http, &HTTP_KEYS);
    let mut http = HttpConfig::default();
    let report = &mut *outer.report;
    if !cfg!(feature = "web") {
        report.error(place, path, "this taskmasterd was built without the feature \"web\": leave http out");
        return None;
    }
    let here = &report.source(place).dir;
    let mut reader = Reader { report, own: &own, defaults: &defaults };
    let filled = |node: &Node<'_>| several(node, &|text| expand::of_daemon(text, here, world.env));
    reader.set(&mut http.listen, HttpKey::Listen, |node| addresses(&filled(node)?));
    reader.set(&mut http.control, HttpKey::Control, values::boolean);
    reader.set_filled(&mut http.token_file, HttpKey::TokenFile, world, |node| values::path(node).map(Some));
    reader.set(&mut http.hosts, HttpKey::Hosts, |node| hosts(&filled(node)?));
    let given = reader.find(HttpKey::Listen);
    match given {
        None => reader.report.error(place, path, "has no listen: say where, as \"127.0.0.1:8080\""),
        Some((section, found)) => {
            let public = http.listen.iter().find(|at| at.is_public() && http.token_file.is_none());
            if let Some(at) = public {
                let text = format!(
                    "{at} can be reached from other machines: name a token_file, or listen on 127.0.0.1 or a unix: socket"
                );
                reader.report.error(found.place, section.path_to(&found.entry.key), text);
            }
        }
    }
    Some(http)
}

/// One text or a list of them, each filled in.
fn several(node: &Node<'_>, fill: &dyn Fn(&str) -> Read<String>) -> Read<Vec<String>> {
    let one = |node: &Node<'_>| fill(values::any_text(node, "a text or a list of texts")?);
    match &node.value {
        Value::Null => Ok(Vec::new()),
        Value::Seq(items) => items.iter().map(one).collect(),
        Value::Scalar(..) | Value::Map(_) => one(node).map(|text| vec![text]),
    }
}

fn addresses(texts: &[String]) -> Read<Vec<HttpAddress>> {
    if texts.is_empty() {
        return Err("is empty: say where, as \"127.0.0.1:8080\"".to_owned());
    }
    let mut all: Vec<HttpAddress> = Vec::new();
    for text in texts {
        let address: HttpAddress = text.parse()?;
        let any_port = matches!(&address, HttpAddress::Tcp(at) if at.port() == 0);
        if all.contains(&address) && !any_port {
            return Err(format!("{address} is there twice"));
        }
        all.push(address);
    }
    Ok(all)
}

fn hosts(texts: &[String]) -> Read<Vec<String>> {
    let name = |text: &String| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if text.is_empty() || text.len() > HOST_BYTES || !text.chars().all(allowed) {
            return Err(format!("{} is no name of a host, such as example.org or example.org:8443", quoted(text)));
        }
        Ok(text.to_ascii_lowercase())
    };
    texts.iter().map(name).collect()
}
