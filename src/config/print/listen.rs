//! How the sockets of a program are written.

use crate::base::yaml_text::scalar;
use crate::config::model::{Listen, Program};

use super::{Page, account};

impl Page {
    pub(super) fn listen(&mut self, program: &Program) {
        let is_plain = |socket: &Listen| *socket == Listen::new(socket.address.clone());
        match program.listen.as_slice() {
            [] => {}
            [one] if is_plain(one) => self.text("listen", &one.address),
            all if all.iter().all(is_plain) => {
                let addresses: Vec<String> = all.iter().map(|socket| socket.address.clone()).collect();
                self.list("listen", &addresses);
            }
            all => {
                self.line("listen:");
                for socket in all {
                    self.line(&format!("  - {}", described(socket)));
                }
            }
        }
        self.unless("on_demand", &program.policy.on_demand, &false, bool::to_string);
    }
}

fn described(socket: &Listen) -> String {
    let Listen { address, name, mode, owner, group, backlog } = socket;
    let mut said = vec![format!("address: {}", scalar(address))];
    said.extend(name.as_ref().map(|name| format!("name: {}", scalar(name))));
    said.extend(mode.map(|mode| format!("mode: {mode:04o}")));
    said.extend(owner.as_ref().map(|owner| format!("owner: {}", account(owner))));
    said.extend(group.as_ref().map(|group| format!("group: {}", account(group))));
    said.extend(backlog.map(|backlog| format!("backlog: {backlog}")));
    format!("{{{}}}", said.join(", "))
}
