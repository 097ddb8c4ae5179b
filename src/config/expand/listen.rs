//! Fills in where connections of a process come in.

use crate::base::id::ProgramName;
use crate::base::text::quoted;
use crate::config::model::{ListenAddress, Program};

use super::{ExpandError, Outside, Scope};

/// The addresses of the sockets of process `num`, in the order of the program.
///
/// # Errors
/// Every address that names something unknown, or is none once it is filled in, or is there twice.
pub fn listen(
    program: &Program,
    name: &ProgramName,
    num: u32,
    outside: &Outside<'_>,
) -> Result<Vec<ListenAddress>, Vec<ExpandError>> {
    let mut scope = Scope::new(program, name, num, outside);
    // What is wrong with a variable is told of the variable.
    scope.env();
    let addresses = filled(&mut scope);
    if scope.errors.is_empty() { Ok(addresses) } else { Err(scope.errors) }
}

pub(super) fn filled(scope: &mut Scope<'_>) -> Vec<ListenAddress> {
    let program = scope.program;
    let mut all: Vec<ListenAddress> = Vec::with_capacity(program.listen.len());
    for listen in &program.listen {
        let Some(text) = scope.key("listen", &listen.address) else { continue };
        let with = if text == listen.address { "" } else { " (with its variables filled in)" };
        match text.parse() {
            Ok(address) if all.contains(&address) => {
                scope.fail("listen", format!("names {} twice{with}", quoted(&text)))
            }
            Ok(address) => all.push(address),
            Err(problem) => scope.fail("listen", format!("{problem}{with}")),
        }
    }
    all
}
