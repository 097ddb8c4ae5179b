//! Who may do what: how it is written, and what is said if it cannot work.

use super::*;
use crate::config::model::{Account, Roles};

#[test]
fn roles_are_given_to_users_and_groups() {
    let socket = |keys: &str| good(&format!("taskmasterd: {{socket: {{{keys}}}}}\nprograms: {{}}")).daemon.socket.roles;
    let user = |name: &str| Account::User(name.to_owned());
    let group = |name: &str| Account::Group(name.to_owned());
    assert_eq!(socket("mode: 600"), Roles::default());
    let roles = socket("read: [a, 1000, '@adm', \"@007\"], control: '@ops', admin: []");
    assert_eq!(roles.read, [user("a"), user("1000"), group("adm"), group("007")]);
    assert_eq!((roles.control, roles.admin), (vec![group("ops")], vec![]));
    for (value, text) in [
        ("'@'", "\"@\" is not a group: give its name or id behind the @"),
        ("['@@x']", "\"@@x\" is not a group: give its name or id behind the @"),
        ("'@a b'", "\"@a b\" is not a group: give its name or id behind the @"),
        ("[a b]", "\"a b\" is not a name or an id"),
        ("[a, [b]]", "is a list, not a user, or a group as in \"@adm\""),
        ("", "has no value: give a user, or a group as in \"@adm\", or leave the key out"),
        ("true", "true is not a user, or a group as in \"@adm\"; put a text in quotes"),
    ] {
        let told = bad(&format!("taskmasterd: {{socket: {{control: {value}}}}}\nprograms: {{}}"));
        assert_eq!(told, [format!("c.yaml:1:24: taskmasterd.socket.control: {text}")], "{value}");
    }
}

#[test]
fn holders_of_roles_are_asked_for() {
    let text = "taskmasterd: {socket: {mode: 666, read: [me, yu], admin: '@wheel'}}\nprograms: {}";
    let holder = |holder: &Account| match holder.to_string().as_str() {
        "me" => Ok(()),
        other => Err(Objection::error(format!("no {other}"))),
    };
    let told = parse(&sources(&[("c.yaml", text)]), &World { holder: &holder, ..World::with_env(&env) }).unwrap_err();
    let wanted = ["c.yaml:1:35: taskmasterd.socket.read: no yu", "c.yaml:1:51: taskmasterd.socket.admin: no @wheel"];
    assert_eq!(lines(&told)[..2], wanted);
}

#[test]
fn a_role_without_a_way_to_the_socket_is_noticed() {
    for (keys, want) in [
        ("read: a", "read: \"a\" cannot connect, the mode of the socket is 0600: give it mode: 0660 and a group, or "),
        (
            "control: '@ops'",
            "control: \"@ops\" cannot connect, the mode of the socket is 0600: give it mode: 0660 and group: ops",
        ),
        ("admin: [a, b], owner: a", "admin: \"b\" cannot connect, the mode of the socket is 0600: "),
        ("read: a, mode: 644", "read: \"a\" cannot connect, the mode of the socket is 0644: "),
        ("read: a, mode: 660", "read: \"a\" cannot connect unless in the group of the daemon: name with socket.group "),
        ("admin: [root, a, 0], owner: a", ""),
        ("control: a, mode: 660, group: ops", ""),
        ("control: ['@x', a], mode: 666", ""),
        ("mode: 600, control: []", ""),
    ] {
        let text = format!("taskmasterd: {{socket: {{{keys}}}}}\nprograms: {{x: {{cmd: y}}}}");
        let told = parse(&sources(&[("c.yaml", &text)]), &World::with_env(&env)).unwrap().warnings;
        let told: Vec<String> = told.iter().map(|d| format!("{}: {}", d.path, d.text)).collect();
        match want {
            "" => assert!(told.is_empty(), "{keys}: {told:?}"),
            want => assert!(
                told.len() == 1 && told[0].starts_with(&format!("taskmasterd.socket.{want}")),
                "{keys}: {told:?}"
            ),
        }
    }
}
