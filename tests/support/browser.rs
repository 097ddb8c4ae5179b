//! A browser that nobody sees: Chromium, driven by its chromedriver over HTTP (WebDriver).

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{find_program, http, wait_for};

/// A browser with one page. Nothing of it outlives this value, nor a test that is killed: the driver dies with the thread
/// that started it, and Chromium with the pipe through which the driver speaks to it.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; `None` if there is none on this machine.
    pub fn start() -> Option<Browser> {
        let (chromium, driver) = (find_program("chromium")?, find_program("chromedriver")?);
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(find_program("setpriv")?);
        command.args(["--pdeathsig", "KILL"]).arg(driver).arg("--port=0");
        let mut driver = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port =
            lines.find_map(|line| line.rsplit_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        // What it says later is of no interest, but it must not wait for somebody to read it.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser =
            Browser { driver, port: port.expect("a port of chromedriver"), session: String::new(), _profile: profile };
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-pipe",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1440,900",
            &format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": chromium, "args": args},
        }}});
        let session = browser.ask("POST", "/session", &wanted)["sessionId"].as_str().unwrap().to_owned();
        browser.session = session;
        Some(browser)
    }

    /// One command of WebDriver.
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_ask(method, path, body);
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        answer["value"].clone()
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let path = if self.session.is_empty() { path.to_owned() } else { format!("/session/{}{path}", self.session) };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .unwrap();
        let answer = http::read(&mut stream);
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    #[track_caller]
    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({"url": url}));
    }

    /// The value of an expression of JavaScript in the page.
    #[track_caller]
    pub fn js(&self, expression: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({"script": format!("return {expression}"), "args": []}))
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn until(&self, expression: &str) {
        wait_for(&format!("{expression} in the page"), || {
            (self.js(&format!("Boolean({expression})")) == true).then_some(())
        });
    }

    /// Clicks at the first element that a selector finds, as a mouse does: something that is covered cannot be clicked.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        wait_for(&format!("a click at {selector}"), || {
            let (status, found) =
                self.try_ask("POST", "/element", &json!({"using": "css selector", "value": selector}));
            let id = found["value"].as_object().filter(|_| status == 200)?.values().next()?.as_str()?.to_owned();
            (self.try_ask("POST", &format!("/element/{id}/click"), &json!({})).0 == 200).then_some(())
        });
    }

    /// Types into whatever has the focus.
    #[track_caller]
    pub fn keys(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        self.ask("POST", "/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// How large the window is, as a phone has it.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": size});
        self.ask("POST", "/goog/cdp/execute", &command);
    }

    /// What the console says that is bad, without the connections that could not be made.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        let lines = log.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned());
        lines.filter(|line| !line.contains("net::ERR_") && !line.contains("WebSocket connection to")).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.try_ask("DELETE", "", &Value::Null)));
        }
        // The driver leads the group, and is not waited for yet: its number still is its own.
        let group = Pid::from_raw(i32::try_from(self.driver.id()).unwrap_or(0));
        if group.as_raw() > 1 {
            let _ = killpg(group, Signal::SIGKILL);
        }
        let _ = self.driver.wait();
    }
}
