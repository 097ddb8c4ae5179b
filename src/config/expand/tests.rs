//! Every form, every error, bounds.

use super::*;

fn named(name: &str) -> ProgramName {
    ProgramName::new(name).unwrap()
}

fn daemon_env(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/home/me".to_owned())
}

/// A program with one argument and these variables.
fn program(word: &str, env: &[(&str, &str)]) -> Program {
    let mut program = Program::new(vec!["run".to_owned(), word.to_owned()]);
    program.env = env.iter().map(|(k, v)| ((*k).to_owned(), template(v))).collect();
    program
}

fn template(text: &str) -> Variable {
    Variable::Template(text.to_owned())
}

fn filled(program: &Program, num: u32) -> Result<Blueprint, Vec<String>> {
    let print = |errors: Vec<ExpandError>| errors.iter().map(ToString::to_string).collect();
    let outside = Outside { env: &daemon_env, host: "box", childlogdir: "/logs/" };
    blueprint(program, &named("web"), num, &outside).map_err(print)
}

const ENV: [(&str, &str); 3] = [("FOO", "foo"), ("BAR", "<${FOO}>"), ("program", "mine")];

#[test]
fn forms() {
    for (word, want) in [
        ("plain", "plain"),
        ("${FOO}", "foo"),
        ("a${FOO}${BAR}z", "afoo<foo>z"),
        ("${num} ${process}", "2 web_02"),
        ("${program}", "mine"),
        ("$$", "$"),
        ("$${FOO} $$$$", "${FOO} $$"),
        ("$FOO $ $(date) $1", "$FOO $ $(date) $1"),
        ("date +%s 100%% %d", "date +%s 100%% %d"),
        ("%(program_name)s/%(group_name)s/%(process_name)s", "web/team/web_02"),
        ("%(process_num)d %(process_num)02d %(process_num)s %(numprocs)d", "2 02 2 12"),
        ("%(process_num)3d|%(process_num)003d|%(program_name)5s|", "  2|002|  web|"),
        ("%(ENV_HOME)s/x 100%% 5% %", "/home/me/x 100% 5% %"),
        ("%%(process_num)d", "%(process_num)d"),
        ("ö${FOO}ö%ä%(num)", "bad"),
        ("${group} ${numprocs} ${host} ${here}", "team 12 box /etc/x"),
        ("%(group_name)s %(host_node_name)s %(here)s", "team box /etc/x"),
        ("${HOME}", "/home/me"),
        ("${FOO:-x} ${EMPTY:-x} ${NONE:-x}", "foo x x"),
        ("${NONE:-}${NONE:-a:-b}", "a:-b"),
        ("${NONE:-<${NOPE:-${FOO}}>}}", "<foo>}"),
        ("${NONE:-$$x $$$} $x}", "$x $$ $x}"),
        ("${NONE:-%(process_num)d}", "2"),
    ] {
        let mut program = program(word, &ENV);
        program.env.insert("EMPTY".to_owned(), template(""));
        program.group_name = Some(named("team"));
        program.here = Some("/etc/x".into());
        program.numprocs = 12;
        match filled(&program, 2) {
            Ok(blueprint) => assert_eq!(blueprint.argv, ["run", want], "{word}"),
            Err(errors) => assert!(want == "bad", "{word}: {errors:?}"),
        }
    }
}

#[test]
fn what_is_filled_in_is_not_looked_at_again() {
    let env = [("A", "$${B} %%"), ("B", "${A}")];
    let blueprint = filled(&program("${B} %(program_name)s", &env), 0).unwrap();
    assert_eq!(blueprint.argv[1], "${B} %% web");
    assert_eq!(blueprint.env[1].1, "${B} %%");
}

#[test]
fn errors_name_key_and_remedy() {
    for (word, part) in [
        (
            "${FOOO}",
            "cmd: neither env nor the daemon has a variable for ${FOOO} (did you mean \"FOO\"?); ${FOOO:-text}",
        ),
        ("${FOOO}", "$${FOOO} stays as it is"),
        ("${proces}", "(did you mean \"process\"?)"),
        ("${", "cmd: has a ${ without its }"),
        ("${}", "cmd: has an empty ${}"),
        ("${:-x}", "cmd: has an empty ${}"),
        ("${NO:-${NO}}", "has a variable for ${NO}"),
        ("${NO:-${FOO}", "cmd: has a ${ without its }"),
        ("%(process_mun)s", "cmd: no \"process_mun\" is known for %(…)s (did you mean \"process_num\"?)"),
        ("%(ENV_NOPE)s", "cmd: the daemon's environment has no \"NOPE\""),
        ("%(program_name", "cmd: has a %( that is not completed"),
        ("%(program_name)", "not completed"),
        ("%(program_name)x", "not completed"),
        ("%(program_name)d", "is not a number"),
        ("%(process_num)099999999999999999999d", "wider than 20"),
    ] {
        let errors = filled(&program(word, &ENV), 0).unwrap_err();
        assert!(errors.len() == 1 && errors[0].contains(part), "{word}: {errors:?}");
    }
    let mut empty = Program::new(vec!["${E}".to_owned()]);
    empty.env.insert("E".to_owned(), template(""));
    empty.stdout.sink = Sink::File("${E}".to_owned());
    empty.workingdir = Some("${NO}".to_owned());
    let errors = filled(&empty, 0).unwrap_err();
    assert_eq!(
        errors.iter().map(|e| e.split(':').next().unwrap()).collect::<Vec<_>>(),
        ["cmd", "workingdir", "stdout"]
    );
}

#[test]
fn circles_and_chains_end() {
    let errors = filled(&program("x", &[("A", "${B}"), ("B", "${C}"), ("C", "${A}"), ("D", "d")]), 0).unwrap_err();
    assert_eq!(errors, ["env.C: ${A} refers to itself; %(ENV_A)s takes the value that the daemon has"]);
    let errors = filled(&program("x", &[("A", "x${B}"), ("B", "${A:-y}")]), 0).unwrap_err();
    assert!(errors[0].starts_with("env.B: ${A} refers to itself"), "{errors:?}");
    let nested = |n: usize| format!("{}x{}", "${NO:-".repeat(n), "}".repeat(n));
    assert_eq!(filled(&program(&nested(30), &[]), 0).unwrap().argv[1], "x");
    assert!(filled(&program(&nested(5000), &[]), 0).unwrap_err()[0].contains("defaults in defaults"));
    let chain: Vec<(String, Variable)> =
        (0..5000).map(|n| (format!("V{n:05}"), template(&format!("${{V{:05}}}", n + 1)))).collect();
    let mut long = Program::new(vec!["x".to_owned()]);
    long.env.extend(chain);
    long.env.insert("V05000".to_owned(), template(""));
    assert!(!filled(&long, 0).unwrap_err().is_empty());
}

#[test]
fn a_variable_that_adds_to_itself_means_the_daemon_s() {
    let filled_home = |text| filled(&program("${HOME}", &[("HOME", text)]), 0);
    let blueprint = filled_home("${HOME}/sub").unwrap();
    assert_eq!((blueprint.argv[1].as_str(), blueprint.env[0].1.as_str()), ("/home/me/sub", "/home/me/sub"));
    assert_eq!(filled(&program("x", &[("P", "a${P:-b}")]), 0).unwrap().env[0].1, "ab");
    let errors = filled(&program("x", &[("PATH", "/x:${PATH}")]), 0).unwrap_err();
    assert!(errors[0].starts_with("env.PATH: the daemon's environment has no \"PATH\" for ${PATH}"), "{errors:?}");
}

#[test]
fn what_comes_from_files_is_taken_as_it_is() {
    let mut program = program("${S}", &[("A", "<${S}>")]);
    program.env.insert("S".to_owned(), Variable::FromFile("${A} %(x)s $$".to_owned()));
    let blueprint = filled(&program, 0).unwrap();
    assert_eq!(blueprint.argv[1], "${A} %(x)s $$");
    assert_eq!(blueprint.env[0].1, "<${A} %(x)s $$>");
}

#[test]
fn numbers_begin_where_the_program_says() {
    let mut program = program("${num} ${process} %(process_num)02d", &[]);
    (program.numprocs, program.numprocs_start) = (3, 8000);
    assert_eq!(filled(&program, 8002).unwrap().argv[1], "8002 web_8002 8002");
}

#[test]
fn sizes_are_bounded() {
    let double: Vec<(String, Variable)> =
        (0..30).map(|n| (format!("V{n:02}"), template(&format!("${{V{0:02}}}${{V{0:02}}}", n + 1)))).collect();
    let mut bomb = Program::new(vec!["${V00}".to_owned()]);
    bomb.env.extend(double);
    bomb.env.insert("V30".to_owned(), template(&"x".repeat(100)));
    assert!(filled(&bomb, 0).unwrap_err()[0].contains("is longer than 131072 bytes"));
    let mut wide = program("x", &[("A", &"x".repeat(100_000))]);
    wide.argv.extend(vec!["${A}".to_owned(); 100]);
    assert!(filled(&wide, 0).unwrap_err()[0].contains("longer than 6 MiB"));
}

#[test]
fn places() {
    let mut p = program("x", &ENV);
    p.numprocs = 3;
    p.workingdir = Some("/srv/${num}".to_owned());
    p.stderr.sink = Sink::File("%(process_name)s.err".to_owned());
    let blueprint = filled(&p, 1).unwrap();
    assert_eq!(blueprint.workingdir.as_deref(), Some("/srv/1"));
    assert_eq!(blueprint.stdout, Place::File("/logs/web_01-stdout.log".to_owned()));
    assert_eq!(blueprint.stderr, Place::File("web_01.err".to_owned()));
    p.numprocs = 1;
    for (sink, place) in [
        (Sink::Auto, Place::File("/logs/web-stderr.log".to_owned())),
        (Sink::Discard, Place::Discard),
        (Sink::Inherit, Place::Inherit),
        (Sink::Stdout, Place::Merged),
    ] {
        p.stderr.sink = sink;
        assert_eq!(filled(&p, 0).unwrap().stderr, place);
    }
    assert_eq!(auto_log("/", &p, &named("a"), 0, Stream::Stdout), "/a-stdout.log");
}
