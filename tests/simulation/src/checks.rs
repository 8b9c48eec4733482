//! What a caller looks at in everything that comes back.

use kitewire::{Error, Metadata};

use crate::caller::Caller;
use crate::entry::Failure;
use crate::messages::{Piece, Way, is_payload};
use crate::property::Property;
use crate::task::Task;

/// How a stream's receiver came to its end, and what it had received by then.
pub(crate) struct Heard {
    pub(crate) pieces: i32,
    pub(crate) end: Result<(), Error>,
}

impl Caller {
    pub(crate) fn check_answer(&self, call: i64, task: &Task, piece: &Piece) -> Result<(), Failure> {
        self.book.count_messages(1);
        self.check_piece(call, task, 0, piece);
        Ok(())
    }

    pub(crate) fn check_piece(&self, call: i64, task: &Task, index: i32, piece: &Piece) {
        self.book.count_messages(1);
        if piece.call != call || piece.index != index {
            let what = format!(
                "received piece {} of call {} in place of {index}",
                piece.index, piece.call
            );
            self.found(Property::Order, call, &what);
        } else if piece.payload.len() != task.down || !is_payload(&piece.payload, call, index, Way::Down) {
            self.found(Property::Bytes, call, &format!("received piece {index} damaged"));
        }
    }

    /// A handler's answers all come before its end, whatever that is, unless the stream was given up.
    pub(crate) fn check_count(&self, call: i64, task: &Task, right: i32, heard: &Heard) -> Result<(), Failure> {
        let Heard { pieces, end } = heard;
        match end {
            Ok(()) if *pieces != right => {
                self.found(
                    Property::Order,
                    call,
                    &format!("ended well after {pieces} of {right} pieces"),
                );
            }
            Err(error) if *pieces < right && Failure::from(error).is_of_handler(task, call) => {
                self.found(
                    Property::Order,
                    call,
                    &format!("ended after {pieces} of {right} pieces: {error}"),
                );
            }
            _ if *pieces > right => {
                self.found(
                    Property::Order,
                    call,
                    &format!("received {pieces} pieces, and {right} were sent"),
                );
            }
            _ => {}
        }
        end.as_ref().map_or_else(|error| Err(Failure::from(error)), |()| Ok(()))
    }

    pub(crate) fn check_metadata(&self, call: i64, header: &Metadata, trailer: &Metadata) {
        let in_header = header.get("seq");
        if in_header != Some(call.to_string().as_str()) {
            self.found(
                Property::Bytes,
                call,
                &format!("came with the header of call {in_header:?}"),
            );
        }
        let in_trailer = trailer.get_binary("seq-bin");
        if in_trailer != Some(&call.to_be_bytes()[..]) {
            self.found(
                Property::Bytes,
                call,
                &format!("came with the trailer of call {in_trailer:?}"),
            );
        }
    }

    /// Nothing comes behind a good end.
    pub(crate) fn check_silence<R>(&self, call: i64, next: Result<Option<R>, Error>) {
        match next {
            Ok(None) => {}
            Ok(Some(_)) => self.found(Property::Order, call, "received a message behind its end"),
            Err(error) => self.found(Property::Order, call, &format!("failed behind its end: {error}")),
        }
    }

    pub(crate) fn found(&self, property: Property, call: i64, what: &str) {
        self.book
            .violate(property, format!("call {call} {what}, over {:?}", self.line));
    }
}
