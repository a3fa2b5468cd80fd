import com.contactlists.v1.Contact;
import com.contactlists.v1.ContactListServiceGrpc;
import com.contactlists.v1.GetContactListUpdateRequest;
import com.contactlists.v1.RejectedContact;
import com.contactlists.v1.UpdateContactListContactsFooter;
import com.contactlists.v1.UpdateContactListContactsHeader;
import com.contactlists.v1.UpdateContactListContactsRequest;
import com.contactlists.v1.UpdateContactListContactsResponse;
import com.contactlists.v1.Violation;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.Durations;
import com.google.protobuf.util.JsonFormat;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Upload FILE …: adds the contacts of files of JSON lines to a list, a call for each file, all on one channel.
 *
 * <p>Environment: ADDRESS (host:port), KEY (an API key), LIST (the list's id), and, if the defaults don't suit,
 * CONTACTS_PER_MESSAGE and DEADLINE_SECONDS.
 */
public final class Upload {
    private static final Map<String, String> ENVIRONMENT = System.getenv();
    private static final int CONTACTS_PER_MESSAGE =
            Integer.parseInt(ENVIRONMENT.getOrDefault("CONTACTS_PER_MESSAGE", "200"));
    private static final long DEADLINE_SECONDS =
            Long.parseLong(ENVIRONMENT.getOrDefault("DEADLINE_SECONDS", "120"));
    private static final int ATTEMPTS = 6;

    private final ContactListServiceGrpc.ContactListServiceStub lists;
    private final ContactListServiceGrpc.ContactListServiceBlockingStub blocking;
    private final Path path;
    private final String requestId = UUID.randomUUID().toString();

    private Upload(ManagedChannel channel, Path path) {
        Metadata metadata = new Metadata();
        metadata.put(
                Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + ENVIRONMENT.get("KEY"));
        var authorize = MetadataUtils.newAttachHeadersInterceptor(metadata);
        lists = ContactListServiceGrpc.newStub(channel).withInterceptors(authorize);
        blocking = ContactListServiceGrpc.newBlockingStub(channel).withInterceptors(authorize);
        this.path = path;
    }

    public static void main(String[] paths) throws InterruptedException {
        ManagedChannel channel =
                ManagedChannelBuilder.forTarget(ENVIRONMENT.get("ADDRESS")).usePlaintext().build();
        var uploads = Stream.of(paths)
                .map(path -> new Upload(channel, Path.of(path)))
                .map(upload -> CompletableFuture.supplyAsync(upload::run, task -> new Thread(task).start()))
                .toList();
        boolean succeeded = uploads.stream().map(CompletableFuture::join).reduce(true, Boolean::logicalAnd);
        channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
        System.exit(succeeded ? 0 : 1);
    }

    /** Makes the call, and prints what it came to; whether it succeeded. */
    private boolean run() {
        try {
            var outcome = upload();
            for (RejectedContact contact : outcome.getRejectedContactsList()) {
                for (Violation violation : contact.getViolationsList()) {
                    System.out.printf(
                            "%s:%d: %s %s%n",
                            path, contact.getIndex() + 1, violation.getField(), violation.getMessage());
                }
            }
            System.out.printf(
                    "%s: %d received, %d rejected, %d added; the list has %d%n",
                    path,
                    outcome.getReceivedCount(),
                    outcome.getRejectedCount(),
                    outcome.getAddedCount(),
                    outcome.getContactList().getContactCount());
            return true;
        } catch (StatusRuntimeException e) {
            String reason = detail(e, ErrorInfo.class).map(ErrorInfo::getReason).orElse("no details");
            System.err.printf("%s: %s (%s)%n", path, e.getMessage(), reason);
            return false;
        }
    }

    private UpdateContactListContactsResponse upload() {
        for (int attempt = 1; ; attempt++) {
            try {
                return new Call().outcome();
            } catch (StatusRuntimeException e) {
                OptionalLong delay = retryMillis(e);
                if (delay.isEmpty() || attempt == ATTEMPTS) {
                    throw e;
                }
                System.err.printf("%s: trying again after %s%n", path, e.getMessage());
                double jitter = ThreadLocalRandom.current().nextDouble(1, 1.5);
                sleep((long) (Math.max(delay.getAsLong(), 250L << attempt) * jitter));
            }
            var outcome = recorded();
            if (outcome.isPresent()) {
                return outcome.get();
            }
        }
    }

    /** One call: sends the next message whenever gRPC has room for it. */
    private final class Call
            implements ClientResponseObserver<UpdateContactListContactsRequest, UpdateContactListContactsResponse> {
        private final CompletableFuture<UpdateContactListContactsResponse> response = new CompletableFuture<>();
        private BufferedReader lines;
        private int count;
        private boolean ended;

        /** Waits for the call to end. */
        UpdateContactListContactsResponse outcome() {
            try (BufferedReader opened = Files.newBufferedReader(path)) {
                lines = opened;
                lists.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS).updateContactListContacts(this);
                return response.join();
            } catch (IOException e) {
                throw Status.UNKNOWN.withDescription(e.toString()).asRuntimeException();
            } catch (CompletionException e) {
                throw Status.fromThrowable(e.getCause()).asRuntimeException(Status.trailersFromThrowable(e.getCause()));
            }
        }

        @Override
        public void beforeStart(ClientCallStreamObserver<UpdateContactListContactsRequest> requests) {
            requests.setOnReadyHandler(() -> {
                try {
                    while (requests.isReady() && !ended) {
                        requests.onNext(next());
                    }
                    if (ended) {
                        requests.onCompleted();
                    }
                } catch (IOException e) {
                    requests.cancel("the file can't be read", e);
                }
            });
        }

        /** The next message: the first one has the header, and the last one the footer, which counts what the file had. */
        private UpdateContactListContactsRequest next() throws IOException {
            var message = UpdateContactListContactsRequest.newBuilder();
            if (count == 0) {
                message.setHeader(header());
            }
            while (message.getContactsCount() < CONTACTS_PER_MESSAGE) {
                String line = lines.readLine();
                if (line == null) {
                    ended = true;
                    message.setFooter(UpdateContactListContactsFooter.newBuilder().setContactCount(count));
                    break;
                }
                JsonFormat.parser().merge(line, message.addContactsBuilder());
                count++;
            }
            return message.build();
        }

        @Override
        public void onNext(UpdateContactListContactsResponse value) {
            response.complete(value);
        }

        @Override
        public void onError(Throwable error) {
            response.completeExceptionally(error);
        }

        @Override
        public void onCompleted() {}
    }

    private UpdateContactListContactsHeader header() {
        return UpdateContactListContactsHeader.newBuilder()
                .setContactListId(ENVIRONMENT.get("LIST"))
                .setAction(UpdateContactListContactsHeader.Action.ACTION_ADD)
                .setRejectionPolicy(UpdateContactListContactsHeader.RejectionPolicy.REJECTION_POLICY_SKIP)
                .setRequestId(requestId)
                .build();
    }

    /** The outcome of the update, if it was applied. Otherwise it is sent again, which is safe with the same id. */
    private Optional<UpdateContactListContactsResponse> recorded() {
        try {
            var request = GetContactListUpdateRequest.newBuilder().setRequestId(requestId).build();
            var found = blocking.withDeadlineAfter(10, TimeUnit.SECONDS).getContactListUpdate(request);
            return Optional.of(found.getContactListUpdate().getOutcome());
        } catch (StatusRuntimeException e) {
            return Optional.empty();
        }
    }

    /** How many milliseconds to wait before a retry; empty if it can't help. */
    private static OptionalLong retryMillis(StatusRuntimeException error) {
        var retry = detail(error, RetryInfo.class);
        if (retry.isPresent()) {
            return OptionalLong.of(Durations.toMillis(retry.get().getRetryDelay()));
        }
        // The connection broke, or the deadline passed: the update may have been applied.
        return switch (error.getStatus().getCode()) {
            case UNAVAILABLE, DEADLINE_EXCEEDED -> OptionalLong.of(0);
            default -> OptionalLong.empty();
        };
    }

    /** The error's detail of the type; empty if the error is gRPC's own. */
    private static <T extends Message> Optional<T> detail(StatusRuntimeException error, Class<T> type) {
        var status = StatusProto.fromThrowable(error);
        if (status != null) {
            for (Any detail : status.getDetailsList()) {
                if (detail.is(type)) {
                    try {
                        return Optional.of(detail.unpack(type));
                    } catch (InvalidProtocolBufferException e) {
                        return Optional.empty();
                    }
                }
            }
        }
        return Optional.empty();
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Status.CANCELLED.withCause(e).asRuntimeException();
        }
    }
}
