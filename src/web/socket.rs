//! WebSocket: from bytes to texts and back, without a socket. The frames are tungstenite's affair; it reads from one buffer
//! and writes to another.

use std::io::{self, Read, Write};

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig, WebSocketContext};

use crate::control::frame::REQUEST_BYTES;

/// Room for what is read at once.
const BUFFER_BYTES: usize = 4 << 10;

/// What goes between the frames and the world.
#[derive(Debug, Default)]
struct Pipe {
    /// What has arrived and was not read.
    arrived: Vec<u8>,
    /// What is to be sent.
    out: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.arrived.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = self.arrived.as_slice().read(buffer)?;
        self.arrived.drain(..n);
        Ok(n)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the other side has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing that is complete.
    Nothing,
    /// A text.
    Text(String),
    /// That it is over, rightly or not: nothing more will come, and what is in the buffer is the last to be sent.
    End,
}

/// One side of a WebSocket: the server's.
#[derive(Debug)]
pub struct Socket {
    frames: WebSocketContext,
    pipe: Pipe,
}

/// What the answer to a handshake proves that its key was read with.
#[must_use]
pub fn accept_key(key: &str) -> String {
    derive_accept_key(key.as_bytes())
}

impl Socket {
    /// A WebSocket whose handshake is over. `arrived` is what came behind it.
    #[must_use]
    pub fn new(arrived: Vec<u8>) -> Socket {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(REQUEST_BYTES))
            .max_frame_size(Some(REQUEST_BYTES));
        Socket { frames: WebSocketContext::new(Role::Server, Some(config)), pipe: Pipe { arrived, out: Vec::new() } }
    }

    /// Takes what has arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pipe.arrived.extend_from_slice(bytes);
    }

    /// How much has arrived and was not read.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pipe.arrived.len()
    }

    /// The next text. Pings are answered on the way.
    pub fn hear(&mut self) -> Heard {
        loop {
            match self.frames.read(&mut self.pipe) {
                Ok(Message::Text(text)) => return Heard::Text(text.as_str().to_owned()),
                Ok(Message::Binary(_)) => {
                    self.close(CloseCode::Unsupported, "requests are texts");
                    return Heard::End;
                }
                // An answer to them is in the buffer by now.
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Heard::Nothing;
                }
                Err(tungstenite::Error::Capacity(_)) => {
                    self.close(CloseCode::Size, "a request has at most 65536 bytes");
                    return Heard::End;
                }
                Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => return Heard::End,
                Err(_) => {
                    self.close(CloseCode::Protocol, "that is no WebSocket");
                    return Heard::End;
                }
            }
        }
    }

    /// Sends a text. One that is no UTF-8 cannot be.
    pub fn say(&mut self, text: Vec<u8>) {
        if let Ok(text) = String::from_utf8(text) {
            // It fails if the other side has said that it is over, and then nobody reads it.
            let _ = self.frames.write(&mut self.pipe, Message::text(text));
        }
    }

    /// Says that it is over because too much has gathered, or nobody may listen any more.
    pub fn end(&mut self, why: &'static str) {
        self.close(CloseCode::Again, why);
    }

    /// Says that the daemon leaves.
    pub fn leave(&mut self) {
        self.close(CloseCode::Away, "the daemon leaves");
    }

    fn close(&mut self, code: CloseCode, why: &'static str) {
        let _ = self.frames.close(&mut self.pipe, Some(CloseFrame { code, reason: why.into() }));
    }

    /// Takes what is to be sent.
    pub fn take_out(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.pipe.out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a client sends it: the mask is all zeros.
    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        match u8::try_from(payload.len()) {
            Ok(short @ 0..=125) => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        frame
    }

    fn out(socket: &mut Socket) -> Vec<u8> {
        let mut out = Vec::new();
        socket.take_out(&mut out);
        out
    }

    #[test]
    fn the_key_is_that_of_the_standard() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn texts_go_to_and_fro() {
        let bytes = [frame(1, b"one"), frame(9, b"p"), frame(1, b"two")].concat();
        for cut in 0..=bytes.len() {
            let mut socket = Socket::new(bytes[..cut].to_vec());
            let mut heard = Vec::new();
            for rest in [&[][..], &bytes[cut..]] {
                socket.feed(rest);
                while let Heard::Text(text) = socket.hear() {
                    heard.push(text);
                }
            }
            assert_eq!(heard, ["one", "two"], "{cut}");
            assert_eq!(out(&mut socket), [0x8a, 1, b'p']);
        }
        let mut socket = Socket::new(Vec::new());
        assert_eq!(socket.hear(), Heard::Nothing);
        socket.say(b"x".to_vec());
        assert_eq!(out(&mut socket), [0x81, 1, b'x']);
    }

    #[test]
    fn an_end_is_answered() {
        let mut socket = Socket::new(frame(8, &1000u16.to_be_bytes()));
        assert_eq!(socket.hear(), Heard::End);
        assert_eq!(out(&mut socket), [0x88, 2, 0x03, 0xe8]);
        for (bytes, code) in [
            (frame(2, b"binary"), 1003u16),
            (frame(1, &vec![b'x'; REQUEST_BYTES + 1]), 1009),
            (frame(3, b""), 1002),
            (frame(1, b"\xff"), 1002),
            (vec![0x81, 1, b'x'], 1002),
        ] {
            let mut socket = Socket::new(bytes);
            assert_eq!(socket.hear(), Heard::End);
            let said = out(&mut socket);
            assert_eq!((said[0], &said[2..4]), (0x88, &code.to_be_bytes()[..]));
        }
    }
}
