//! The dashboard in a real browser: what is clicked happens, what happens is shown.

#![cfg(feature = "web")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;

use support::browser::Browser;
use support::http::address;
use support::*;

const OPEN: &str = "http: {listen: 127.0.0.1:0, control: true}";

/// The same at a port that the next daemon has as well.
fn at_a_port() -> String {
    format!("http: {{listen: 127.0.0.1:{}, control: true}}", free_port())
}

/// A browser that shows the daemon's page.
fn show(test: &str, daemon: &Daemon) -> Option<Browser> {
    let Some(browser) = Browser::start() else {
        skip(test, "no chromium with chromedriver");
        return None;
    };
    browser.open(&format!("http://{}/", address(daemon)));
    Some(browser)
}

/// What a cell of a process's row says, as an expression.
fn cell(process: &str, class: &str) -> String {
    format!("document.querySelector('.row[data-name=\"{process}\"] .{class}')?.textContent")
}

const LIVE: &str = "document.querySelector('#link.live')";

#[test]
fn what_happens_is_shown_and_what_is_clicked_happens() {
    let test = "what_happens_is_shown_and_what_is_clicked_happens";
    let mut d = Setup::new()
        .keys(&at_a_port())
        .programs("a: {cmd: sleep 100, autorestart: always}\nw: {cmd: sleep 100, numprocs: 3}")
        .start();
    d.wait_all("RUNNING");
    let Some(browser) = show(test, &d) else { return };
    browser.until(LIVE);
    let old = d.pid_of("a");
    browser.until(&format!("{} == '{old}'", cell("a", "pid")));
    assert_eq!(browser.js("document.querySelectorAll('.row[data-name]').length"), 4);

    // A process that is killed comes back under another number, on the page as well.
    kill(old, nix::sys::signal::Signal::SIGKILL);
    let new = d.wait_new_pid("a", old);
    browser.until(&format!("{} == '{new}'", cell("a", "pid")));
    browser.until(&format!("{} == '1'", cell("a", "restarts")));
    browser.until("document.querySelector('#events').textContent.includes('killed by SIGKILL')");

    browser.click(".row[data-name=a] [data-verb=stop]");
    browser.until(&format!("{} == 'STOPPED'", cell("a", "state")));
    d.wait_state("a", "STOPPED");
    browser.click(".row[data-name=a] [data-verb=start]");
    browser.until(&format!("{} == 'RUNNING'", cell("a", "state")));

    // Many are not stopped without a question.
    browser.click(".group-head [data-verb=stop]");
    browser.until("document.querySelector('#dialog').open");
    browser.click("#dialog-acts button[value='']");
    browser.until("!document.querySelector('#dialog').open");
    assert_eq!(d.state("w:w_01"), "RUNNING");
    browser.click(".group-head [data-verb=stop]");
    browser.click("#dialog-acts button[value=yes]");
    browser.until(&format!("{} == 'STOPPED'", cell("w:w_02", "state")));
    d.wait_state("w:w_00", "STOPPED");

    // A reload shows its plan, and does nothing before that is accepted.
    d.rewrite("a: {cmd: sleep 100, autorestart: always}\nw: {cmd: sleep 100, numprocs: 3}\nnew: {cmd: sleep 100}");
    browser.click("#reload-button");
    browser.until("document.querySelector('#dialog-body').textContent.includes('added new')");
    assert_eq!(d.all().len(), 4);
    browser.click("#dialog-acts button[value=yes]");
    browser.until(&format!("{} == 'RUNNING'", cell("new", "state")));
    assert_eq!(browser.complaints(), [""; 0]);

    // Without the daemon it says that what it shows is old, and goes on with the next one.
    d.crash().end();
    browser.until("!document.querySelector('#stale').hidden && document.body.classList.contains('is-stale')");
    let d = d.start_again();
    d.wait_all("RUNNING");
    browser.until(&format!("{LIVE} && document.querySelector('#stale').hidden"));
    browser.until(&format!("{} == '{}'", cell("a", "pid"), d.pid_of("a")));
    // Before the daemon is looked at: its connections count.
    drop(browser);
}

#[test]
fn output_goes_on_with_the_next_daemon() {
    let setup = Setup::new().keys(&at_a_port());
    let program =
        format!("a: {{cmd: [sh, -c, 'echo start-$$$$; exec sleep 100'], stdout: {}, stderr: none}}", setup.file("out"));
    let mut d = setup.programs(&program).start();
    d.wait_all("RUNNING");
    let Some(browser) = show("output_goes_on_with_the_next_daemon", &d) else { return };
    browser.click(".row[data-name=a] .name");
    let count = |pid: u32| format!("document.querySelector('#output').textContent.split('start-{pid}').length - 1");
    let old = d.pid_of("a");
    browser.until(&format!("{} == 1", count(old)));
    d.crash().end();
    let d = d.start_again();
    d.wait_all("RUNNING");
    let new = d.pid_of("a");
    browser.until(&format!("{} == 1", count(new)));
    assert_eq!(browser.js(&count(old)), 1);
    assert_eq!(browser.complaints(), [""; 0]);
    drop(browser);
}

#[test]
fn output_is_shown_with_colours_and_as_text() {
    let script = "i=0; while sleep 0.1; do i=$$((i+1)); printf '\\033[31mred\\033[0m <b>bold</b><script>document.title=1</script> %d\\n' $$i; done";
    let program = format!("a:\n  shell: true\n  cmd: |-\n    echo cannot >&2; {script}\n");
    let d = Setup::new().keys(OPEN).programs(&program).start();
    d.wait_all("RUNNING");
    let Some(browser) = show("output_is_shown_with_colours_and_as_text", &d) else { return };
    browser.click(".row[data-name=a] .name");
    browser.until("[...document.querySelectorAll('#output .out span')].some(s => s.textContent == 'red' && s.style.color == 'var(--c1)')");
    browser.until("document.querySelector('#output .err')?.textContent == 'cannot'");
    assert_eq!(browser.js("document.querySelectorAll('#output b, #output script').length"), 0);
    browser.until("document.querySelector('#output').textContent.includes('<b>bold</b>')");
    browser.until("document.querySelector('#facts').textContent.includes('started by autostart')");
    let lines = "document.querySelectorAll('#output > div').length";
    let before = browser.js(lines).as_u64().unwrap();
    browser.until(&format!("{lines} > {before}"));
    browser.click("#show-out");
    browser.until("getComputedStyle(document.querySelector('#output .out')).display == 'none'");
    browser.click("#show-out");
    browser.click("#find");
    browser.keys("cannot");
    browser.until("document.querySelector('#found').textContent == '1 line'");
    browser.keys("\u{e007}");
    browser.until("document.querySelector('#output .here')?.textContent == 'cannot'");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn keys_do_what_the_mouse_does() {
    let d = Setup::new().keys(OPEN).programs("a: {cmd: sleep 100}\nb: {cmd: sleep 100}\nc: {cmd: sleep 100}").start();
    d.wait_all("RUNNING");
    let Some(browser) = show("keys_do_what_the_mouse_does", &d) else { return };
    browser.until(LIVE);
    browser.keys("/");
    browser.until("document.activeElement.id == 'filter'");
    browser.keys("b");
    browser.until("document.querySelectorAll('.row[data-name]:not([hidden])').length == 1");
    // Enter goes to the first row, and once more opens it.
    browser.keys("\u{e007}");
    browser.until("document.activeElement.dataset.name == 'b'");
    browser.keys("\u{e007}");
    browser.until(
        "document.querySelector('#detail-name').textContent == 'b' && !document.querySelector('#detail').hidden",
    );
    browser.keys("x");
    browser.until(&format!("{} == 'STOPPED'", cell("b", "state")));
    browser.keys("\u{e00c}");
    browser.until("document.querySelector('#detail').hidden && document.activeElement.dataset.name == 'b'");
    browser.js("(document.querySelector('#filter').value = '', document.querySelector('#filter').dispatchEvent(new Event('input')))");
    browser.keys("\u{e015}");
    browser.until("document.activeElement.dataset.name == 'c'");
    browser.keys(" ");
    browser.until("document.querySelector('#bulk').textContent.startsWith('1 selected')");
    browser.keys("?");
    browser.until("document.querySelector('#dialog').open");
    // Every control has a name for those who do not see it.
    let nameless = "[...document.querySelectorAll('button, input')].filter(e => \
        !(e.textContent || e.getAttribute('aria-label') || e.labels?.length && e.labels[0].textContent.trim())).length";
    assert_eq!(browser.js(nameless), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn groups_fold_and_the_list_is_one_stop_of_the_tab_key() {
    let programs = "a: {cmd: sleep 100}\nv: {cmd: sleep 100, numprocs: 2}\nw: {cmd: sleep 100, numprocs: 12}";
    let d = Setup::new().keys(OPEN).programs(programs).start();
    d.wait_all("RUNNING");
    let Some(browser) = show("groups_fold_and_the_list_is_one_stop_of_the_tab_key", &d) else { return };
    browser.until("document.querySelectorAll('.row[data-name]').length == 15");
    browser.until(LIVE);
    let reached = "[...document.querySelectorAll('.group button, .group input, .group [tabindex]')] \
        .filter(e => e.tabIndex >= 0).every(e => e.closest('.row, .group-head') == document.activeElement)";
    browser.click("#filter");
    browser.keys("w_\u{e007}");
    browser.until("document.activeElement.dataset.name == 'w:w_00'");
    assert_eq!(browser.js(reached), true);
    // What is reached is never something that is hidden.
    browser.js("(document.querySelector('#filter').value = 'v:', document.querySelector('#filter').dispatchEvent(new Event('input')))");
    browser.until("[...document.querySelectorAll('.group [tabindex=\"0\"]')].some(e => e.checkVisibility())");
    // What is hidden by the filter is not meant by the keys for a group.
    browser.js("(document.querySelector('#filter').value = 'w_1', document.querySelector('#filter').dispatchEvent(new Event('input')))");
    browser.js("document.querySelector('.group-head[data-group=w]').focus()");
    browser.keys("x");
    browser.until("document.querySelector('#dialog-title').textContent == 'Stop 2 processes?'");
    browser.keys("\u{e00c}");
    browser.until("!document.querySelector('#dialog').open");
    browser.js("(document.querySelector('#filter').value = '', document.querySelector('#filter').dispatchEvent(new Event('input')))");
    browser.js("document.querySelector('.row[data-name=\"w:w_03\"]').focus()");
    // From a process to its group, which folds, and unfolds.
    browser.keys("\u{e012}\u{e012}");
    let head = "document.querySelector('.group-head[data-group=w]')";
    browser.until(&format!("document.activeElement == {head} && {head}.ariaExpanded == 'false'"));
    browser.until("!document.querySelector('.row[data-name=\"w:w_03\"]').checkVisibility()");
    // That is kept; and what is looked for is shown all the same.
    browser.open(&format!("http://{}/", address(&d)));
    browser.until(&format!("{head}?.ariaExpanded == 'false'"));
    browser.click("#filter");
    browser.keys("w_03");
    browser.until("document.querySelector('.row[data-name=\"w:w_03\"]').checkVisibility()");
    // Selected together, they are asked for together.
    browser.js("(document.querySelector('#filter').value = 'v:', document.querySelector('#filter').dispatchEvent(new Event('input')))");
    browser.click("#heads input");
    browser.until("document.querySelectorAll('.row[aria-selected=true]').length == 2");
    browser.click("#bulk button");
    browser.until("document.querySelector('#dialog-title').textContent == 'Start 2 processes?'");
    browser.keys("\u{e00c}");
    assert_eq!(browser.complaints(), [""; 0]);
}

/// A process that waits for its first connection is as wanted, and still it is said what it waits for.
#[test]
fn what_is_started_on_demand_is_explained() {
    let port = free_port();
    let program = format!("a: {{cmd: sleep 100, listen: '127.0.0.1:{port}', on_demand: true}}");
    let d = Setup::new().keys(OPEN).programs(&program).start();
    d.wait_state("a", "WAITING");
    let Some(browser) = show("what_is_started_on_demand_is_explained", &d) else { return };
    browser.until(&format!("{} == 'waits for a connection to 127.0.0.1:{port}'", cell("a", "why")));
    browser.until("document.querySelector('.row[data-name=a] .chip').className.trim() == 'chip'");
    browser.click(".row[data-name=a] .name");
    browser.until(&format!("document.querySelector('#facts').textContent.includes('Listens at127.0.0.1:{port}')"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn nothing_is_cut_off_at_any_width() {
    let programs = "import-of-customer-records: {cmd: sleep 100, numprocs: 2}\na: {cmd: sleep 100}";
    let d = Setup::new().keys(OPEN).programs(programs).start();
    d.wait_all("RUNNING");
    let Some(browser) = show("nothing_is_cut_off_at_any_width", &d) else { return };
    browser.until(LIVE);
    let wide = "[...document.querySelectorAll('body, main, .group, .row[data-name], .row .name, header, .bar')] \
        .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className || e.id || e.tagName).join()";
    let within = "[...document.querySelectorAll('.row[data-name] > *')].every(e => { const r = e.getBoundingClientRect(); \
        return r.right <= e.parentNode.getBoundingClientRect().right + 1; })";
    for (width, height) in [(1920, 1080), (1440, 900), (1280, 800), (1024, 768), (800, 600), (390, 844), (320, 568)] {
        browser.resize(width, height);
        for open in [false, true] {
            if open {
                browser.js("document.querySelector('.row[data-name=a]').click()");
                browser.until("!document.querySelector('#detail').hidden");
            }
            assert_eq!(browser.js(wide), "", "{width} {open}");
            assert_eq!(browser.js(within), true, "{width} {open}");
        }
        browser.click("#detail-close");
        browser.until("document.querySelector('#detail').hidden");
    }
    browser.resize(1280, 800);
    browser.until("[...document.querySelectorAll('.row[data-name] .icon')].every(e => e.checkVisibility())");
}

#[test]
fn without_control_it_only_shows() {
    let d = Setup::new().keys("http: {listen: 127.0.0.1:0}").programs("a: {cmd: sleep 100}").start();
    let Some(browser) = show("without_control_it_only_shows", &d) else { return };
    browser.until("document.querySelector('#link').textContent == 'live · read-only'");
    browser.until("[...document.querySelectorAll('.acts')].every(e => getComputedStyle(e).display == 'none')");
    // A narrow window has all of it, too.
    browser.resize(390, 844);
    browser.until("document.documentElement.scrollWidth <= 390");
    browser.click("#feed-button");
    browser.until("document.querySelector('#events').getBoundingClientRect().width > 300");
    browser.click("#feed-close");
    browser.click(".row[data-name=a]");
    browser.until("document.querySelector('#output').getBoundingClientRect().height > 100");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_token_is_asked_for() {
    let setup = Setup::new();
    let file = setup.path("token");
    let keys = format!("http: {{listen: 127.0.0.1:0, control: true, token_file: {}}}", file.display());
    let d = setup.keys(&keys).programs("a: {cmd: sleep 100}").start();
    let Some(browser) = show("a_token_is_asked_for", &d) else { return };
    browser.until("document.querySelector('#dialog').open");
    assert_eq!(browser.js("document.querySelectorAll('.row[data-name]').length"), 0);
    browser.keys(fs::read_to_string(&file).unwrap().trim());
    browser.keys("\u{e007}");
    browser.until(LIVE);
    browser.until(&format!("{} == '{}'", cell("a", "pid"), d.pid_of("a")));
    // It is nowhere where it could be read again.
    let token = fs::read_to_string(&file).unwrap();
    let kept = browser.js("location.href + document.cookie + JSON.stringify({...localStorage, ...sessionStorage})");
    assert!(!kept.as_str().unwrap().contains(token.trim()));
}

/// What makes many rows slow is counted, not how long it takes: rows that are touched without need, rows that are drawn
/// though nobody sees them, and questions about all processes where one has changed.
#[test]
fn a_thousand_rows_stay_fluid() {
    let d = Setup::new().keys(OPEN).programs("w: {cmd: sleep 1000, numprocs: 1000}").start();
    d.wait_all("RUNNING");
    let Some(browser) = show("a_thousand_rows_stay_fluid", &d) else { return };
    browser.until("document.querySelectorAll('.row[data-name]').length == 1000");
    browser.until(LIVE);
    let drawn = "[...document.querySelectorAll('.row[data-name]')].filter(r => \
        r.firstChild.checkVisibility({contentVisibilityAuto: true})).length";
    browser.until(&format!("{drawn} > 5 && {drawn} < 100"));
    let observed = "(window.asked = [], window.changed = [], Link.prototype.call = (call => function (method, params) { \
        asked.push(method + (params?.names ? ' some' : params?.usage ? ' use' : ' all')); return call.call(this, method, params); \
        })(Link.prototype.call), new MutationObserver(all => all.forEach(m => { \
        const row = (m.target.closest ? m.target : m.target.parentElement)?.closest('.row[data-name]'); \
        if (row) changed.push(row.dataset.name); \
        })).observe(document.querySelector('#groups'), {subtree: true, characterData: true, childList: true, attributes: true}), 1)";
    browser.js(observed);
    let old = d.pid_of("w:w_500");
    kill(old, nix::sys::signal::Signal::SIGKILL);
    let new = d.wait_new_pid("w:w_500", old);
    browser.until(&format!("{} == '{new}'", cell("w:w_500", "pid")));
    let changed = browser.js("new Set(changed).size").as_u64().unwrap();
    assert!(changed < 100, "{changed} rows were touched for one that has changed");
    assert_eq!(browser.js("asked.filter(what => what == 'status all').length"), 0);
    assert!(browser.js("asked.filter(what => what == 'status some').length").as_u64().unwrap() > 0);
    // A filter touches each row once at most.
    browser.js("(changed.length = 0, document.querySelector('#filter').value = 'w_77', \
        document.querySelector('#filter').dispatchEvent(new Event('input')))");
    assert_eq!(browser.js("document.querySelectorAll('.row[data-name]:not([hidden])').length"), 11);
    let most = "Math.max(...[...Map.groupBy(changed, name => name).entries()] \
        .filter(([name]) => !/w_77/.test(name)).map(([, times]) => times.length))";
    assert_eq!(browser.js(most), 1);
    assert_eq!(browser.complaints(), [""; 0]);
}

/// By something else than the name there is one list of all, and under the pointer and the focus it does not move.
#[test]
fn rows_are_put_into_another_order() {
    let programs = "idle: {cmd: sleep 100}\ndown: {cmd: sleep 100, autostart: false}\n\
        busy: {cmd: sleep 100, autorestart: always}\nw: {cmd: sleep 100, numprocs: 11}\nbad: {cmd: 'false', startretries: 0}";
    let d = Setup::new().keys(OPEN).programs(programs).start();
    d.wait_state("bad", "FATAL");
    d.wait_state("w:w_10", "RUNNING");
    let old = d.pid_of("busy");
    kill(old, nix::sys::signal::Signal::SIGKILL);
    d.wait_new_pid("busy", old);
    let Some(browser) = show("rows_are_put_into_another_order", &d) else { return };
    let names = "[...document.querySelectorAll('.row[data-name]')].map(r => r.dataset.name).join()";
    let sorted = "bad,busy,down,idle,w:w_00,w:w_01,w:w_02,w:w_03,w:w_04,w:w_05,w:w_06,w:w_07,w:w_08,w:w_09,w:w_10";
    browser.until(&format!("{names} == '{sorted}'"));
    assert_eq!(browser.js("document.querySelectorAll('.group').length"), 2);
    browser.click("[data-order=state] button");
    browser.until(&format!("{names}.startsWith('bad,') && {names}.endsWith(',down')"));
    assert_eq!(browser.js("document.querySelectorAll('.group').length"), 1);
    browser.click("[data-order=restarts] button");
    browser.until(&format!(
        "{names}.startsWith('busy,') && document.querySelector('[aria-sort=descending]').textContent == 'Restarts'"
    ));
    browser.click("[data-order=restarts] button");
    browser.until(&format!("{names}.endsWith(',busy')"));
    // It is kept, and on a narrow window, which has no headings, there is a list of them.
    browser.open(&format!("http://{}/", address(&d)));
    browser.until(&format!("{names}.endsWith(',busy')"));
    browser.resize(390, 844);
    browser.js("(document.querySelector('#order').value = 'name', document.querySelector('#order').dispatchEvent(new Event('change')))");
    browser.until(&format!("{names} == '{sorted}'"));
    assert_eq!(browser.complaints(), [""; 0]);
}
