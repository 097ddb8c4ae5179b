//! What is printed reads well, and is read as the same configuration.

use std::collections::BTreeMap;
