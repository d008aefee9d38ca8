//! What a command and the process that has the site open say to each other.
//!
//! The client sends one request, then, for some commands, the contents that it brings; it gets rows, bytes and remarks
//! and in the end one `Done` or `Failed`. The same messages travel through a socket and, where the command opens the
//! folder itself, through memory.
//!
//! A frame is its length after the kind (4 bytes, little-endian), its kind (1 byte) and that many bytes: JSON, or the
//! bytes themselves for kinds that carry contents.
//!
//! # Invariants
//! - No frame is longer than [`FRAME_BYTES_MAX`], whatever the other side claims; nothing is allocated before it came.
//! - Contents are sent in pieces of at most [`CHUNK_BYTES`].

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::failure::Failure;
use super::request::Request;

/// Which protocol this program speaks; the other side must speak the same.
pub(crate) const PROTOCOL: u32 = 3;
/// Longest frame: what describes a folder of some hundred thousand pages.
pub(crate) const FRAME_BYTES_MAX: usize = 64 << 20;
/// How much of a file goes into one frame.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// What a client begins with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opening {
    pub(crate) protocol: u32,
    /// Who asks: goes into the commits.
    pub(crate) principal: String,
    pub(crate) request: Request,
}

/// What the client brings after its request.
#[derive(Debug)]
pub(crate) enum Brought {
    /// Something whose bytes follow.
    Item(Json),
    /// Some of its bytes.
    Chunk(Vec<u8>),
    /// All bytes of the item were sent.
    ItemEnd,
    /// That was all: only now may anything be committed.
    End,
}

/// What comes back.
#[derive(Debug)]
pub(crate) enum Reply {
    /// One row of the answer.
    Row(Json),
    /// Some bytes of the answer.
    Chunk(Vec<u8>),
    /// A remark for the person, no part of the answer.
    Remark(String),
    /// The command is done.
    Done,
    /// It failed.
    Failed(Failure),
}

const OPENING: u8 = 1;
const ITEM: u8 = 2;
const CHUNK: u8 = 3;
const ITEM_END: u8 = 4;
const END: u8 = 5;
const ROW: u8 = 6;
const REMARK: u8 = 7;
const DONE: u8 = 8;
const FAILED: u8 = 9;

impl Opening {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        write_frame(to, OPENING, &serde_json::to_vec(self)?)
    }

    /// Reads an opening; the request of another protocol is not looked at.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Result<Self, u32>> {
        #[derive(Deserialize)]
        struct Protocol {
            protocol: u32,
        }
        let (kind, bytes) = read_frame(from)?;
        if kind != OPENING {
            return Err(unexpected(kind));
        }
        let Protocol { protocol } = serde_json::from_slice(&bytes)?;
        if protocol != PROTOCOL {
            return Ok(Err(protocol));
        }
        Ok(Ok(serde_json::from_slice(&bytes)?))
    }
}

impl Brought {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Item(json) => write_frame(to, ITEM, &serde_json::to_vec(json)?),
            Self::Chunk(bytes) => write_frame(to, CHUNK, bytes),
            Self::ItemEnd => write_frame(to, ITEM_END, &[]),
            Self::End => write_frame(to, END, &[]),
        }
    }

    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let (kind, bytes) = read_frame(from)?;
        Ok(match kind {
            ITEM => Self::Item(serde_json::from_slice(&bytes)?),
            CHUNK => Self::Chunk(bytes),
            ITEM_END => Self::ItemEnd,
            END => Self::End,
            other => return Err(unexpected(other)),
        })
    }
}

impl Reply {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Row(json) => write_frame(to, ROW, &serde_json::to_vec(json)?),
            Self::Chunk(bytes) => write_frame(to, CHUNK, bytes),
            Self::Remark(text) => write_frame(to, REMARK, text.as_bytes()),
            Self::Done => write_frame(to, DONE, &[]),
            Self::Failed(failure) => write_frame(to, FAILED, &serde_json::to_vec(failure)?),
        }
    }

    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let (kind, bytes) = read_frame(from)?;
        Ok(match kind {
            ROW => Self::Row(serde_json::from_slice(&bytes)?),
            CHUNK => Self::Chunk(bytes),
            REMARK => Self::Remark(String::from_utf8_lossy(&bytes).into_owned()),
            DONE => Self::Done,
            FAILED => Self::Failed(serde_json::from_slice(&bytes)?),
            other => return Err(unexpected(other)),
        })
    }
}

fn write_frame(to: &mut impl Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|&length| length as usize <= FRAME_BYTES_MAX);
    let too_long = || {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a message of {} bytes is too long: at most {FRAME_BYTES_MAX}", bytes.len()),
        )
    };
    to.write_all(&length.ok_or_else(too_long)?.to_le_bytes())?;
    to.write_all(&[kind])?;
    to.write_all(bytes)
}

fn read_frame(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(invalid(format!("a message of {length} bytes: at most {FRAME_BYTES_MAX} are taken")));
    }
    // Grows with what really comes, so that a false length costs nothing.
    let mut bytes = Vec::with_capacity(length.min(CHUNK_BYTES));
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((head[4], bytes))
}

fn unexpected(kind: u8) -> io::Error {
    invalid(format!("a message of the unexpected kind {kind}"))
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back_as_they_were_written() {
        let mut bytes = Vec::new();
        Brought::Item(serde_json::json!({"a": 1})).write(&mut bytes).unwrap();
        Brought::Chunk(vec![0, 1, 2]).write(&mut bytes).unwrap();
        Brought::End.write(&mut bytes).unwrap();
        let mut from = &bytes[..];
        assert!(matches!(Brought::read(&mut from), Ok(Brought::Item(json)) if json["a"] == 1));
        assert!(matches!(Brought::read(&mut from), Ok(Brought::Chunk(bytes)) if bytes == [0, 1, 2]));
        assert!(matches!(Brought::read(&mut from), Ok(Brought::End)));
        assert!(Brought::read(&mut from).is_err());
    }

    #[test]
    fn a_cut_too_long_or_unknown_message_is_refused() {
        for bytes in
            [&b""[..], b"\x05\0\0\0\x06ab", b"\xff\xff\xff\xff\x06", b"\0\0\0\0\x63", b"\x01\0\0\0\x06{"]
        {
            assert!(Reply::read(&mut &bytes[..]).is_err(), "{bytes:?} was taken");
        }
    }
}
