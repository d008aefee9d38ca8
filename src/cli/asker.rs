//! Who asked: what a command that does its work sees of the one who typed it.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use bough::core::security::Authority;
use bough::core::{Oid, Tid};
use bough::store::Note;
use serde::Serialize;

use super::failure::{Code, Failure};
use super::protocol::{Brought, Reply};

/// The other end of a command, wherever that is.
pub(crate) trait Asker {
    /// Sends a part of the answer.
    fn send(&mut self, reply: Reply) -> Result<(), Failure>;

    /// Waits for the next thing that the client brings.
    fn receive(&mut self) -> Result<Brought, Failure>;

    /// Who asks.
    fn principal(&self) -> &str;

    /// Whether the site is being served meanwhile.
    fn is_served(&self) -> bool {
        false
    }

    /// Under whose rights it is done; none where whoever asks holds the folder itself, and may everything.
    fn rights(&self) -> Option<&Rights> {
        None
    }
}

/// The rights of somebody who does not hold the folder.
#[derive(Clone)]
pub(crate) struct Rights {
    pub(crate) authority: Arc<dyn Authority>,
    /// The user to whom belongs what is added.
    pub(crate) maker: Option<Oid>,
}

impl dyn Asker + '_ {
    /// Sends one row of the answer.
    pub(crate) fn row(&mut self, row: &impl Serialize) -> Result<(), Failure> {
        let json =
            serde_json::to_value(row).map_err(|error| Failure::because("cannot write a row", &error))?;
        self.send(Reply::Row(json))
    }

    /// Says which commit was made, in the form that every writing command has.
    pub(crate) fn wrote(&mut self, tid: Option<Tid>, sentence: impl Into<String>) -> Result<(), Failure> {
        self.row(&Wrote { tid: tid.map(|tid| tid.to_string()), sentence: sentence.into() })
    }

    /// The note of an ordinary commit by whoever asks.
    pub(crate) fn note(&self, sentence: impl Into<String>) -> Note {
        let note = Note::edit(sentence).by(self.principal());
        match self.rights() {
            Some(rights) => note.under(Arc::clone(&rights.authority)),
            None => note,
        }
    }

    /// The next item, or none at the end.
    pub(crate) fn item(&mut self) -> Result<Option<serde_json::Value>, Failure> {
        match self.receive()? {
            Brought::Item(json) => Ok(Some(json)),
            Brought::End => Ok(None),
            Brought::Chunk(_) | Brought::ItemEnd => Err(Failure::refused("the client sent bytes of nothing")),
        }
    }
}

/// The row that every writing command answers with.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Wrote {
    /// The commit; none if nothing changed.
    pub(crate) tid: Option<String>,
    pub(crate) sentence: String,
}

/// The bytes of one item, as they come.
pub(crate) struct Contents<'a> {
    asker: &'a mut dyn Asker,
    chunk: Vec<u8>,
    at: usize,
    is_ended: bool,
    /// Why they did not come, where that was so.
    pub(crate) failure: Option<Failure>,
}

impl<'a> Contents<'a> {
    pub(crate) fn of(asker: &'a mut dyn Asker) -> Self {
        Self { asker, chunk: Vec::new(), at: 0, is_ended: false, failure: None }
    }

    /// Takes what was not read yet, so that the next item can come.
    pub(crate) fn skip(mut self) -> Result<(), Failure> {
        let copied = io::copy(&mut self, &mut io::sink());
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => copied.map(|_| ()).map_err(|error| Failure::because("cannot take contents", &error)),
        }
    }
}

impl Read for Contents<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() && !self.is_ended {
            match self.asker.receive() {
                Ok(Brought::Chunk(chunk)) => (self.chunk, self.at) = (chunk, 0),
                Ok(Brought::ItemEnd) => self.is_ended = true,
                Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
                Err(failure) => {
                    let error = io::Error::other(failure.message.clone());
                    self.failure = Some(failure);
                    return Err(error);
                }
            }
        }
        let count = into.len().min(self.chunk.len() - self.at);
        into[..count].copy_from_slice(&self.chunk[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// One who is in this process.
pub(crate) struct Here<'a> {
    pub(crate) principal: String,
    pub(crate) show: &'a mut dyn FnMut(Reply) -> Result<(), Failure>,
    /// What the client's own thread reads; none for commands that bring nothing.
    pub(crate) brought: Option<Receiver<Result<Brought, Failure>>>,
    pub(crate) rights: Option<Rights>,
}

impl Asker for Here<'_> {
    fn send(&mut self, reply: Reply) -> Result<(), Failure> {
        (self.show)(reply)
    }

    fn receive(&mut self) -> Result<Brought, Failure> {
        match self.brought.as_ref().map(Receiver::recv) {
            Some(Ok(brought)) => brought,
            _ => Err(Failure::refused("what was to be stored ended too early")),
        }
    }

    fn principal(&self) -> &str {
        &self.principal
    }

    fn rights(&self) -> Option<&Rights> {
        self.rights.as_ref()
    }
}

/// One who is behind a socket.
pub(crate) struct There {
    pub(crate) principal: String,
    reader: BufReader<UnixStream>,
    writer: BufWriter<UnixStream>,
}

impl There {
    pub(crate) fn new(
        principal: String,
        reader: BufReader<UnixStream>,
        writer: BufWriter<UnixStream>,
    ) -> Self {
        Self { principal, reader, writer }
    }

    /// Sends the last message.
    pub(crate) fn end(mut self, reply: &Reply) -> io::Result<()> {
        reply.write(&mut self.writer)?;
        self.writer.flush()
    }
}

impl Asker for There {
    fn send(&mut self, reply: Reply) -> Result<(), Failure> {
        let sent = reply.write(&mut self.writer);
        let sent =
            if matches!(reply, Reply::Remark(_)) { sent.and_then(|()| self.writer.flush()) } else { sent };
        sent.map_err(|error| gone(&error))
    }

    fn receive(&mut self) -> Result<Brought, Failure> {
        if self.reader.buffer().is_empty() {
            self.writer.flush().map_err(|error| gone(&error))?;
        }
        Brought::read(&mut self.reader).map_err(|error| gone(&error))
    }

    fn is_served(&self) -> bool {
        true
    }

    fn principal(&self) -> &str {
        &self.principal
    }
}

fn gone(error: &io::Error) -> Failure {
    Failure::because("the client went away", error).with_code(Code::Refused)
}
