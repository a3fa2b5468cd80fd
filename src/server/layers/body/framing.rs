//! gRPC's framing: before each message comes a head of 5 bytes, a flag and the message's length.

/// Where in its messages a body is.
#[derive(Debug, Default, Clone, Copy)]
pub struct Framing {
    head: [u8; 5],
    head_bytes: usize,
    /// How much of the message is still to come.
    left_bytes: usize,
}

/// Where a step through a body led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The end of the data.
    End,
    /// The end of a message's head.
    Head(Head),
    /// A part of a message, which may be its last.
    Message { bytes: usize, is_whole: bool },
}

/// A message's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub is_compressed: bool,
    pub length_bytes: usize,
}

impl Framing {
    /// Goes to the end of a head or of a message, or to the end of `data`. Returns how far that is, and what is there.
    pub fn step(&mut self, data: &[u8]) -> (usize, Step) {
        if self.left_bytes > 0 && !data.is_empty() {
            let bytes = self.left_bytes.min(data.len());
            self.left_bytes -= bytes;
            let is_whole = self.left_bytes == 0;
            return (bytes, Step::Message { bytes, is_whole });
        }
        let missing = &mut self.head[self.head_bytes..];
        let taken = missing.len().min(data.len());
        missing[..taken].copy_from_slice(&data[..taken]);
        self.head_bytes += taken;
        if self.head_bytes < self.head.len() {
            return (taken, Step::End);
        }
        let [flag, length @ ..] = self.head;
        self.head_bytes = 0;
        self.left_bytes = u32::from_be_bytes(length) as usize;
        let head = Head {
            is_compressed: flag != 0,
            length_bytes: self.left_bytes,
        };
        (taken, Step::Head(head))
    }

    /// Goes through all of `data`.
    pub fn follow(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let (length, _) = self.step(data);
            data = &data[length..];
        }
    }

    /// Whether a message has begun and not ended.
    pub fn is_inside_message(&self) -> bool {
        self.head_bytes > 0 || self.left_bytes > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_messages_are_found_however_the_bytes_are_cut() {
        let bytes = [0, 0, 0, 0, 3, 7, 7, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7];
        for cut in 0..=bytes.len() {
            let (mut framing, mut heads, mut message_bytes) = (Framing::default(), vec![], 0);
            for mut part in [&bytes[..cut], &bytes[cut..]] {
                while !part.is_empty() {
                    let (length, step) = framing.step(part);
                    match step {
                        Step::Head(head) => heads.push((head.is_compressed, head.length_bytes)),
                        Step::Message { bytes, .. } => message_bytes += bytes,
                        Step::End => {}
                    }
                    part = &part[length..];
                }
            }
            assert_eq!(heads, [(false, 3), (true, 0), (false, 1)]);
            assert_eq!(message_bytes, 4);
            assert!(!framing.is_inside_message());
        }
    }
}
