//! Settings in a recording.
//!
//! Each struct is a block behind its length, its fields one after the other. A field that this version does not know is
//! passed over, one that the recording does not have keeps its default; so fields are only ever added at the end.

use std::sync::Arc;

use super::codec::{Reader, Value, Writer};
use super::error::RecordingError;
use crate::config::{ClientConfig, Limits, ServerConfig};
use crate::http::RequestLimits;
use crate::time::Instant;
use crate::{grpc, http1, http2, ttstream};

/// A struct of settings: one list of its fields, for writing and for reading.
pub(super) trait Settings: Clone + Default {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError>;
}

/// What is done with each field.
pub(super) trait Visitor {
    fn field(&mut self, field: &mut impl Value) -> Result<(), RecordingError>;
}

impl Visitor for Writer<'_> {
    fn field(&mut self, field: &mut impl Value) -> Result<(), RecordingError> {
        self.put(field);
        Ok(())
    }
}

impl Visitor for Reader<'_> {
    fn field(&mut self, field: &mut impl Value) -> Result<(), RecordingError> {
        if !self.is_at_end() {
            *field = self.take()?;
        }
        Ok(())
    }
}

impl<S: Settings> Value for S {
    fn put(&self, out: &mut Writer<'_>) {
        let mut block = Vec::new();
        // Writing does not fail, and there is room for any.
        let _ = self
            .clone()
            .visit(&mut Writer::new(&mut block, Instant::ZERO, usize::MAX));
        out.bytes(&block);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let mut settings = Self::default();
        let len = from.take()?;
        settings.visit(&mut from.block(len)?)?;
        Ok(settings)
    }
}

impl Settings for ServerConfig {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            meta,
            crc32c,
            deadline_from_header,
            multiplex,
            limits,
        } = self;
        each.field(meta)?;
        each.field(crc32c)?;
        each.field(deadline_from_header)?;
        each.field(multiplex)?;
        each.field(limits)
    }
}

impl Settings for ClientConfig {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            transport,
            multiplex,
            meta,
            crc32c,
            caller,
            destination,
            limits,
        } = self;
        each.field(transport)?;
        each.field(multiplex)?;
        each.field(meta)?;
        each.field(crc32c)?;
        each.field(caller)?;
        each.field(destination)?;
        each.field(limits)
    }
}

impl Settings for Limits {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            max_frame,
            max_header_entries,
            max_method_name,
            max_depth,
            max_calls,
            max_memory,
            max_unsent,
            detection_timeout,
            frame_timeout,
            idle_timeout,
            write_stall_timeout,
        } = self;
        each.field(max_frame)?;
        each.field(max_header_entries)?;
        each.field(max_method_name)?;
        each.field(max_depth)?;
        each.field(max_calls)?;
        each.field(max_memory)?;
        each.field(max_unsent)?;
        each.field(detection_timeout)?;
        each.field(frame_timeout)?;
        each.field(idle_timeout)?;
        each.field(write_stall_timeout)
    }
}

impl Settings for grpc::Config {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            http2,
            max_received_message,
            max_sent_message,
            max_messages,
            message_timeout,
            accept_gzip,
            send_gzip,
            unknown_names,
            http,
            user_agent,
        } = self;
        each.field(Arc::make_mut(http2))?;
        each.field(max_received_message)?;
        each.field(max_sent_message)?;
        each.field(max_messages)?;
        each.field(message_timeout)?;
        each.field(accept_gzip)?;
        each.field(send_gzip)?;
        each.field(unknown_names)?;
        each.field(http)?;
        each.field(user_agent)
    }
}

impl Settings for http2::Config {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            stream_window,
            connection_window,
            max_frame_size,
            max_concurrent_streams,
            initial_max_streams,
            header_table_size,
            encoder_table_size,
            send_buffer,
            keep_alive,
            max_age,
            max_age_grace,
            drain_code,
            limits,
        } = self;
        each.field(stream_window)?;
        each.field(connection_window)?;
        each.field(max_frame_size)?;
        each.field(max_concurrent_streams)?;
        each.field(initial_max_streams)?;
        each.field(header_table_size)?;
        each.field(encoder_table_size)?;
        each.field(send_buffer)?;
        each.field(keep_alive)?;
        each.field(max_age)?;
        each.field(max_age_grace)?;
        each.field(drain_code)?;
        each.field(limits)
    }
}

impl Settings for http2::Limits {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            max_header_list,
            max_header_block,
            max_continuations,
            max_interim,
            max_memory,
            max_unsent,
            handshake_timeout,
            settings_timeout,
            frame_timeout,
            idle_timeout,
            write_stall_timeout,
            drain_ping_timeout,
            max_resets,
            max_settings,
            max_pings,
            max_empty_data,
            max_window_updates,
            max_ignored,
        } = self;
        for length in [max_header_list, max_continuations, max_interim] {
            each.field(length)?;
        }
        for length in [max_header_block, max_memory, max_unsent] {
            each.field(length)?;
        }
        for time in [
            handshake_timeout,
            settings_timeout,
            frame_timeout,
            idle_timeout,
            write_stall_timeout,
            drain_ping_timeout,
        ] {
            each.field(time)?;
        }
        for budget in [
            max_resets,
            max_settings,
            max_pings,
            max_empty_data,
            max_window_updates,
            max_ignored,
        ] {
            each.field(budget)?;
        }
        Ok(())
    }
}

impl Settings for ttstream::Config {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            flow_control,
            stream_window,
            connection_window,
            answer_wait,
            max_message,
            max_streams,
            send_buffer,
            connection_memory,
            stream_queue,
            stall,
            max_pause,
            exclusive,
            service_name,
            meta_frames,
            max_header_entries,
            idle_timeout,
            frame_timeout,
            request_timeout,
            write_stall_timeout,
        } = self;
        each.field(flow_control)?;
        each.field(stream_window)?;
        each.field(connection_window)?;
        each.field(answer_wait)?;
        each.field(max_message)?;
        each.field(max_streams)?;
        each.field(send_buffer)?;
        each.field(connection_memory)?;
        each.field(stream_queue)?;
        each.field(stall)?;
        each.field(max_pause)?;
        each.field(exclusive)?;
        each.field(service_name)?;
        each.field(meta_frames)?;
        each.field(max_header_entries)?;
        each.field(idle_timeout)?;
        each.field(frame_timeout)?;
        each.field(request_timeout)?;
        each.field(write_stall_timeout)
    }
}

impl Settings for http1::Config {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            requests,
            limits,
            secured,
        } = self;
        each.field(requests)?;
        each.field(limits)?;
        each.field(secured)
    }
}

impl Settings for http1::Limits {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            max_request_line,
            max_head,
            max_fields,
            max_chunk_extensions,
            max_trailers,
            max_pipelined,
            max_unsent,
            header_timeout,
            idle_timeout,
            write_stall_timeout,
        } = self;
        for length in [
            max_request_line,
            max_head,
            max_fields,
            max_chunk_extensions,
            max_trailers,
            max_pipelined,
            max_unsent,
        ] {
            each.field(length)?;
        }
        for time in [header_timeout, idle_timeout, write_stall_timeout] {
            each.field(time)?;
        }
        Ok(())
    }
}

impl Settings for RequestLimits {
    fn visit(&mut self, each: &mut impl Visitor) -> Result<(), RecordingError> {
        let Self {
            max_body,
            max_bodies,
            body_timeout,
        } = self;
        each.field(max_body)?;
        each.field(max_bodies)?;
        each.field(body_timeout)
    }
}
