//! Server-sent events (HTML, section 9.2) as they come, bounded: bytes in, whole events out.

/// Bytes of one event: the state of a session of sixteen people is a tenth.
const EVENT_BYTES: usize = 256 * 1024;

/// An event grew beyond what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Reads a stream piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    /// The last line ended with CR: an LF right after it belongs to it.
    after_return: bool,
}

impl Parser {
    /// Takes the next bytes, and calls `on_event` with name and data of each event that is whole now.
    pub(crate) fn push(&mut self, bytes: &[u8], mut on_event: impl FnMut(&[u8], &[u8])) -> Result<(), TooLarge> {
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(&mut on_event)?,
                _ if self.line.len() < EVENT_BYTES => self.line.push(*byte),
                _ => return Err(TooLarge),
            }
        }
        Ok(())
    }

    fn end_line(&mut self, on_event: &mut impl FnMut(&[u8], &[u8])) -> Result<(), TooLarge> {
        if self.line.is_empty() {
            if !self.data.is_empty() {
                on_event(&self.name, &self.data);
            }
            self.name.clear();
            self.data.clear();
            return Ok(());
        }
        let line = std::mem::take(&mut self.line);
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..])),
            None => (&line[..], &[][..]),
        };
        match field {
            b"event" => self.name = value.to_vec(),
            b"data" if self.data.len() + value.len() < EVENT_BYTES => {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            b"data" => return Err(TooLarge),
            // A comment, an id, or what nobody here uses.
            _ => {}
        }
        self.line = line;
        self.line.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<(String, String)>, TooLarge> {
        let (mut parser, mut events) = (Parser::default(), Vec::new());
        for piece in pieces {
            parser.push(piece, |name, data| {
                events.push((String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(data).into_owned()));
            })?;
        }
        Ok(events)
    }

    /// Names, several lines of data, comments, any line ending: as the standard says.
    #[test]
    fn events_are_read_as_the_standard_says() {
        let text = b": hello\n\nevent: state\ndata: {\"a\":1}\n\nevent:state\r\ndata:one\r\ndata: two\r\nid: 4\r\n\r\ndata\rdata: x\r\r";
        let wanted = [("state", "{\"a\":1}"), ("state", "one\ntwo"), ("", "x")];
        let wanted: Vec<_> = wanted.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect();
        assert_eq!(read(&[text]).unwrap(), wanted);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(read(&bytes).unwrap(), wanted);
    }

    /// A line or an event without an end is given up, not kept for ever.
    #[test]
    fn an_event_without_an_end_is_refused() {
        assert_eq!(read(&[b"data: ", &vec![b'x'; EVENT_BYTES]]), Err(TooLarge));
        let line = [b"data: ".to_vec(), vec![b'x'; 1000], b"\n".to_vec()].concat();
        let lines: Vec<&[u8]> = (0..300).map(|_| &line[..]).collect();
        assert_eq!(read(&lines), Err(TooLarge));
        assert!(read(&lines[..200]).is_ok());
    }

    proptest! {
        /// No bytes make it panic, and how they are cut changes nothing.
        #[test]
        fn how_bytes_are_cut_changes_nothing(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), any::<u8>()], 0..300),
            at in 0usize..300,
        ) {
            let at = at.min(text.len());
            prop_assert_eq!(read(&[&text]), read(&[&text[..at], &text[at..]]));
        }
    }
}
