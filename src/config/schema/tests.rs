//! The schema against the tables of keys and the defaults of the model.

use super::*;
use crate::config::daemon::HTTP_KEYS;
use crate::config::model::{DaemonConfig, Program};
use crate::config::program::{HEALTH_KEYS, READINESS_KEYS};
use crate::config::{Source, World, parse};

fn read_back() -> Value {
    serde_json::from_str(&schema()).unwrap()
}

#[track_caller]
fn has_keys<K>(section: &Value, table: &[(&'static str, K)]) {
    let mut wanted: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    wanted.sort_unstable();
    let mut found: Vec<&str> = section["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, wanted);
    assert_eq!(section["additionalProperties"], json!(false));
    for (name, property) in section["properties"].as_object().unwrap() {
        let told = property["description"].as_str().unwrap();
        assert!(told.ends_with('.') && !told.contains('\n'), "{name}: {told}");
    }
}

#[test]
fn it_has_every_key_and_no_other() {
    let schema = read_back();
    let program = &schema["definitions"]["program"];
    has_keys(&schema, &ROOTS);
    has_keys(program, &KEYS);
    has_keys(&program["properties"]["backoff"], &BACKOFF_KEYS);
    has_keys(&program["properties"]["readiness"], READINESS_KEYS);
    has_keys(&program["properties"]["healthcheck"], HEALTH_KEYS);
    has_keys(&schema["properties"]["taskmasterd"], &DAEMON_KEYS);
    has_keys(&schema["properties"]["taskmasterd"]["properties"]["socket"], &SOCKET_KEYS);
    has_keys(&schema["properties"]["taskmasterd"]["properties"]["http"], &HTTP_KEYS);
    assert_eq!(program["properties"]["startsecs"]["anyOf"], program["properties"]["starttime"]["anyOf"]);
    let told = program["properties"]["startsecs"]["description"].as_str().unwrap();
    assert!(told.starts_with("Another name of starttime. "), "{told}");
}

/// The keys with a default in their description, with it.
fn defaults(section: &Value) -> Vec<(&str, &str)> {
    let properties = section["properties"].as_object().unwrap();
    let mut told = Vec::new();
    for (name, property) in properties {
        if let Some((_, default)) = property["description"].as_str().unwrap().split_once("Default: ") {
            told.push((name.as_str(), default.strip_suffix('.').unwrap()));
        }
    }
    told
}

#[track_caller]
fn read(text: &str) -> crate::config::model::Config {
    let parsed = parse(&[Source::new("c.yaml", text)], &World::with_env(&|_| None));
    parsed.unwrap_or_else(|told| panic!("{text}: {}", told[0])).config
}

#[test]
fn its_defaults_are_those_of_the_model() {
    let schema = read_back();
    let program = &schema["definitions"]["program"];
    let daemon = &schema["properties"]["taskmasterd"];
    let plain = Program::new(vec!["x".to_owned()]);
    let of =
        |keys: String| read(&format!("programs: {{web: {{cmd: x, {keys}}}}}")).programs.into_values().next().unwrap();
    let mut seen = 0;
    for (name, default) in defaults(program) {
        assert_eq!(*of(format!("{name}: {default}")), plain, "{name}");
        seen += 1;
    }
    for (name, default) in defaults(&program["properties"]["backoff"]) {
        assert_eq!(*of(format!("backoff: {{{name}: {default}}}")), plain, "{name}");
        seen += 1;
    }
    for check in ["readiness", "healthcheck"] {
        for (name, default) in defaults(&program["properties"][check]) {
            let probe = if name == "status" { "http: \"http://localhost:80/\"" } else { "cmd: x" };
            let checked = of(format!("{check}: {{{probe}}}"));
            assert_eq!(of(format!("{check}: {{{probe}, {name}: {default}}}")), checked, "{check}.{name}");
            seen += 1;
        }
    }
    for (name, default) in defaults(daemon) {
        assert_eq!(read(&format!("taskmasterd: {{{name}: {default}}}")).daemon, DaemonConfig::default(), "{name}");
        seen += 1;
    }
    for (name, default) in defaults(&daemon["properties"]["socket"]) {
        let text = format!("taskmasterd: {{socket: {{{name}: {default}}}}}");
        assert_eq!(read(&text).daemon, DaemonConfig::default(), "{name}");
        seen += 1;
    }
    assert!(seen >= 45, "only {seen} defaults are told");
}

#[test]
fn it_is_the_same_every_time() {
    assert_eq!(schema(), schema());
    assert!(schema().starts_with("{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"));
    assert!(schema().ends_with("}\n"));
}
