# upload.rb FILE …: adds the contacts of files of JSON lines to a list, a call for each file, all on one channel.
#
# Environment: ADDRESS (host:port), KEY (an API key), LIST (the list's id), and, if the defaults don't suit,
# CONTACTS_PER_MESSAGE and DEADLINE_SECONDS.

require "securerandom"

require "contactlists/v1/contact_list_service_services_pb"
require "google/protobuf/well_known_types"
require "google/rpc/error_details_pb"

include Contactlists::V1

CONTACTS_PER_MESSAGE = Integer(ENV.fetch("CONTACTS_PER_MESSAGE", 200))
DEADLINE_SECONDS = Float(ENV.fetch("DEADLINE_SECONDS", 120))
ATTEMPTS = 6
METADATA = { "authorization" => "Bearer #{ENV.fetch("KEY")}" }.freeze

# The messages of one call. gRPC takes the next one when the last one is on its way.
def messages(path, request_id)
  Enumerator.new do |out|
    header = UpdateContactListContactsHeader.new(
      contact_list_id: ENV.fetch("LIST"),
      action: :ACTION_ADD,
      rejection_policy: :REJECTION_POLICY_SKIP,
      request_id: request_id
    )
    message = UpdateContactListContactsRequest.new(header: header)
    count = 0
    File.foreach(path) do |line|
      message.contacts << Contact.decode_json(line)
      count += 1
      next unless message.contacts.size == CONTACTS_PER_MESSAGE

      out << message
      message = UpdateContactListContactsRequest.new
    end
    # An exception above cancels the call. What is counted here is what the file had.
    message.footer = UpdateContactListContactsFooter.new(contact_count: count)
    out << message
  end
end

# The error's detail of the type; nil if the error is gRPC's own.
def detail(error, type)
  error.to_rpc_status&.details&.find { |it| it.is(type) }&.unpack(type)
end

# How many seconds to wait before a retry; nil if it can't help.
def retry_delay(error)
  delay = detail(error, Google::Rpc::RetryInfo)&.retry_delay
  return delay.seconds + delay.nanos / 1e9 if delay

  # The connection broke, or the deadline passed: the update may have been applied.
  0 if error.is_a?(GRPC::Unavailable) || error.is_a?(GRPC::DeadlineExceeded)
end

# The outcome of the update, if it was applied. Otherwise it is sent again, which is safe with the same id.
def recorded(lists, request_id)
  request = GetContactListUpdateRequest.new(request_id: request_id)
  lists.get_contact_list_update(request, metadata: METADATA, deadline: Time.now + 10).contact_list_update.outcome
rescue GRPC::BadStatus
  nil
end

def upload(lists, path)
  request_id = SecureRandom.uuid
  attempt = 0
  begin
    deadline = Time.now + DEADLINE_SECONDS
    lists.update_contact_list_contacts(messages(path, request_id), metadata: METADATA, deadline: deadline)
  rescue GRPC::BadStatus => e
    delay = retry_delay(e)
    raise if delay.nil? || (attempt += 1) == ATTEMPTS

    warn "#{path}: trying again after #{e.class}: #{e.details}"
    sleep [delay, 0.25 * 2**attempt].max * rand(1.0..1.5)
    recorded(lists, request_id) or retry
  end
end

# Prints what an upload came to; whether it succeeded.
def report(path, upload)
  outcome = upload.value
  outcome.rejected_contacts.each do |contact|
    contact.violations.each { |it| puts "#{path}:#{contact.index + 1}: #{it.field} #{it.message}" }
  end
  puts "#{path}: #{outcome.received_count} received, #{outcome.rejected_count} rejected, " \
       "#{outcome.added_count} added; the list has #{outcome.contact_list.contact_count}"
  true
rescue GRPC::BadStatus => e
  reason = detail(e, Google::Rpc::ErrorInfo)&.reason || "no details"
  warn "#{path}: #{e.class} (#{reason}): #{e.details}"
  false
rescue SystemCallError, Google::Protobuf::ParseError => e
  warn "#{path}: #{e.message}"
  false
end

Thread.report_on_exception = false
lists = ContactListService::Stub.new(ENV.fetch("ADDRESS"), :this_channel_is_insecure)
uploads = ARGV.map { |path| [path, Thread.new { upload(lists, path) }] }
exit uploads.map { |path, upload| report(path, upload) }.all?
