//! Reading data files of the operator's.

use crate::bindings::wasmpuck::plugin::files as wit;
use crate::host;
use std::io;

pub use wit::Error;

const BYTES: u32 = 1 << 16;
const TEXT: u32 = 1 << 20;

/// The names of the plugin's files.
pub fn names() -> Vec<String> {
    host::files::names()
}

/// Opens a file; at most 16 are open in an instance.
pub fn open(name: &str) -> Result<File, Error> {
    Ok(File { handle: host::files::open(name)?, at: 0 })
}

/// The whole of a file as text; what is no UTF-8 becomes U+FFFD.
pub fn read_to_string(name: &str) -> Result<String, Error> {
    let file = open(name)?;
    let (mut whole, mut at, size) = (String::new(), 0, file.size());
    while at < size {
        let mut end = size;
        if size - at > u64::from(TEXT) {
            end = at + u64::from(TEXT);
            end -= cut(&file.bytes_at(end - 3, 4)?);
        }
        whole += &file.text_at(at, (end - at) as u32)?;
        at = end;
    }
    Ok(whole)
}

/// By how many bytes a piece is shortened that would end before the last of these four, so that no character is cut in two.
fn cut(bytes: &[u8]) -> u64 {
    let continues = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    bytes.iter().rev().take_while(continues).count().min(3) as u64
}

/// An open file; it implements `Read` and `Seek`.
#[derive(Debug)]
pub struct File {
    handle: wit::DataFile,
    at: u64,
}

impl File {
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.handle.size() as u64
    }

    /// When it was last written, in milliseconds since 1970.
    pub fn modified(&self) -> f64 {
        self.handle.modified()
    }

    /// Whether another file has its name by now.
    pub fn replaced(&self) -> bool {
        self.handle.replaced()
    }

    /// At most `length` (at most 65,536) bytes from `offset`; fewer only at the end.
    pub fn bytes_at(&self, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
        match self.handle.read(offset as f64, length) {
            wit::BytesAnswer::Data(bytes) => Ok(bytes),
            wit::BytesAnswer::Failed(error) => Err(error),
        }
    }

    /// At most `length` (at most 1,048,576) bytes from `offset` as text. Cheap.
    pub fn text_at(&self, offset: u64, length: u32) -> Result<String, Error> {
        match self.handle.read_text(offset as f64, length) {
            wit::TextAnswer::Data(text) => Ok(text),
            wit::TextAnswer::Failed(error) => Err(error),
        }
    }
}

impl io::Read for File {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = u32::try_from(to.len()).unwrap_or(BYTES).min(BYTES);
        let bytes = self.bytes_at(self.at, length).map_err(io::Error::other)?;
        to[..bytes.len()].copy_from_slice(&bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl io::Seek for File {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let place = match to {
            io::SeekFrom::Start(offset) => Some(offset),
            io::SeekFrom::End(offset) => self.size().checked_add_signed(offset),
            io::SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = place.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the file's beginning"))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_character_is_never_cut_in_two() {
        for text in ["aaaa", "aaaé", "aé€", "x€y", "a😀", "😀a", "é😀"] {
            let bytes = text.as_bytes();
            for end in 3..bytes.len() {
                let shorter = end - cut(&bytes[end - 3..=end]) as usize;
                assert!(text.is_char_boundary(shorter), "{text} at {end}");
            }
        }
    }
}
