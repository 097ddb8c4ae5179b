//! Texts with damage: read or refused, but never more.

use super::*;

/// Numbers that look random and are the same in every run.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }
}

#[test]
fn damaged_texts_are_read_or_refused_but_never_more() {
    let texts = [
        examples::GO,
        examples::JSON,
        examples::PYTHON,
        "defaults: {env: &e {A: '${B}', B: \"%(process_num)02d $$\"}, stdout: '/l/${process}'}\nservices: {ö: {cmd: 'a \"b\" \\c', numprocs: 3, env: *e}}",
    ];
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..3000 {
        let mut bytes = texts[round % texts.len()].as_bytes().to_vec();
        for _ in 0..=random.below(6) {
            let (at, len) = (random.below(bytes.len()), 1 + random.below(12));
            let end = (at + len).min(bytes.len());
            match random.below(5) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => drop(bytes.drain(at..end)),
                2 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
                3 => bytes[at] = b"{}[]:,-#&*!|>'\"%@`$\\\n\t ~?0"[random.below(26)],
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                bytes.push(b' ');
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match read(&text) {
            Ok(parsed) => {
                assert!(parsed.config.programs.values().all(|p| !p.argv.is_empty() && p.numprocs > 0), "{text}");
                taken += 1;
            }
            Err(errors) => {
                assert!(errors.iter().any(|e| e.level == Level::Error), "{text}");
                assert!(errors.is_sorted_by_key(|e| (&e.file, e.line, e.column)), "{text}");
                refused += 1;
            }
        }
    }
    assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused: the sweep is dull");
}
