//! `http`: where it listens, and what is refused.

use super::*;
use crate::config::model::HttpConfig;

fn http(keys: &str) -> Option<HttpConfig> {
    good(&format!("taskmasterd: {{http: {keys}}}\nprograms: {{}}")).daemon.http
}

#[test]
fn it_is_off_unless_it_is_configured() {
    assert_eq!(good("programs: {}").daemon.http, None);
    assert_eq!(http(""), None);
    let some = http("{listen: [8080, \"unix:/run/${NONE:-x}\"], control: yes, hosts: [A.example, \"b:1\"]}").unwrap();
    let listen: Vec<String> = some.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["127.0.0.1:8080", "unix:/run/x"]);
    assert_eq!((some.control, some.token_file), (true, None));
    assert_eq!(some.hosts, ["a.example", "b:1"]);
    assert_eq!(http("{listen: \"${NONE:-3333}\"}").unwrap().listen.len(), 1);
    assert!(http("{listen: \"0.0.0.0:80\", token_file: /x}").unwrap().listen[0].is_public());
}

#[test]
fn what_is_wrong_is_told() {
    for (keys, text) in [
        ("{}", "http: has no listen: say where"),
        ("{listen: []}", "http.listen: is empty"),
        ("{listen: [1, 1]}", "http.listen: 127.0.0.1:1 is there twice"),
        ("{listen: \"example.org:80\"}", "http.listen: \"example.org:80\" is no address"),
        (
            "{listen: [1, \"0.0.0.0:80\"]}",
            "http.listen: 0.0.0.0:80 can be reached from other machines: name a token_file",
        ),
        ("{listen: 1, hosts: \"a b\"}", "http.hosts: \"a b\" is no name of a host"),
        ("{listen: 1, token_fil: x}", "http.token_fil: is not a known key (did you mean \"token_file\"?)"),
    ] {
        let told = bad(&format!("taskmasterd: {{http: {keys}}}\nprograms: {{x: {{cmd: y}}}}"));
        assert!(told.len() == 1 && told[0].contains(&format!("taskmasterd.{text}")), "{keys}: {told:?}");
    }
}
