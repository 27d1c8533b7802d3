import SystemPackage

/// Output to a descriptor whose reader may be slow or away: what it does not take now waits, and goes out when it does.
///
/// It belongs to the thread of its loop.
public final class OutputStream {
    private let descriptor: FileDescriptor
    private let loop: EventLoop
    /// Called when there is room again after the stream was congested.
    public var onRoom: () -> Void = {}
    /// Called when all is out that had to wait.
    public var onDrained: () -> Void = {}
    /// Called, later, when the reader is found to be gone.
    public var onClose: () -> Void = {}
    private var pending: ArraySlice<UInt8> = []
    /// What the loop waits for: a descriptor of its own, since the loop may wait for the other one to be readable.
    private var writable: OwnedFileDescriptor?
    private var token: EventLoop.Token?
    private var retry: EventLoop.Token?
    private var wasCongested = false
    /// Whether something had to wait since all was out.
    private var hasWaited = false
    /// Whether the reader is gone for good; output is dropped.
    public private(set) var isClosed = false
    /// Why the reader was given up; nil where it was not, or `close` was called.
    public private(set) var failure: SystemCallError?
    /// Whether a disk that is full is tried again until it has room, instead of being given up.
    public var waitsForSpace = true

    /// Bytes behind which a writer should wait.
    private static let limit = 1 << 16
    /// Milliseconds until a full disk is tried again.
    private static let retryDelay: UInt64 = 200

    /// - Parameter descriptor: stays the caller's.
    public init(_ descriptor: FileDescriptor, loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    deinit {
        stopWaiting()
    }

    /// Whether so much output waits that more should not be made until `onRoom` is called.
    public var isCongested: Bool {
        pending.count >= Self.limit
    }

    /// How many bytes wait for the reader.
    public var waitingCount: Int { pending.count }

    /// Writes bytes, in order, now or later.
    public func write(_ bytes: ArraySlice<UInt8>) {
        guard !isClosed else { return }
        pending.append(contentsOf: bytes)
        if token == nil && retry == nil {
            send()
        }
        wasCongested = wasCongested || isCongested
    }

    /// Writes bytes, in order, now or later.
    public func write(_ bytes: [UInt8]) {
        write(bytes[...])
    }

    /// Writes text, in UTF-8.
    public func write(_ text: String) {
        write(Array(text.utf8))
    }

    /// Gives up on the reader, and says so when whoever writes is done.
    private func lose(_ error: SystemCallError) {
        failure = error
        close()
        loop.schedule(afterMilliseconds: 0) { [onClose] in onClose() }
    }

    /// Forgets the descriptor, before it is closed.
    public func close() {
        isClosed = true
        pending = []
        stopWaiting()
    }

    /// Writes what waits, for the end of a process.
    ///
    /// - Parameter milliseconds: how long a reader that takes nothing is waited for.
    public func flush(patience milliseconds: UInt64) {
        while !pending.isEmpty, !isClosed, ByteStream.waitUntilWritable(descriptor, milliseconds: milliseconds) {
            do throws(SystemCallError) {
                pending = pending.dropFirst(try ByteStream.write(descriptor, pending))
            } catch {
                failure = error
                close()
            }
        }
    }

    private func send() {
        while !pending.isEmpty {
            // A descriptor that blocks must not be written to unless there is room.
            guard ByteStream.waitUntilWritable(descriptor, milliseconds: 0) else { return waitForReader() }
            do throws(SystemCallError) {
                let count = try ByteStream.write(descriptor, pending.prefix(Self.chunk))
                pending = pending.dropFirst(count)
                guard count > 0 else { return waitForReader() }
            } catch {
                let isFull = error.errno == .noSpace || error.errno == .diskQuotaExceeded
                guard isFull, waitsForSpace else { return lose(error) }
                return retryLater()
            }
        }
        pending = []
        stopWaiting()
        reportRoom()
        guard hasWaited, pending.isEmpty else { return }
        hasWaited = false
        onDrained()
    }

    /// What a pipe takes at once where it takes anything (PIPE_BUF).
    private static let chunk = 4096

    private func reportRoom() {
        if wasCongested && !isCongested {
            wasCongested = false
            onRoom()
        }
    }

    private func waitForReader() {
        hasWaited = true
        reportRoom()
        guard token == nil, !isClosed else { return }
        do throws(SystemCallError) {
            let duplicate = try OwnedFileDescriptor(duplicating: descriptor)
            token = try loop.add(duplicate.descriptor, .writable) { [unowned self] _ in send() }
            writable = consume duplicate
        } catch {
            // No descriptors left, or nothing that can be waited for.
            retryLater()
        }
    }

    private func stopWaiting() {
        if let token {
            loop.remove(token)
        }
        token = nil
        writable = nil
        if let retry {
            loop.cancel(retry)
        }
        retry = nil
    }

    private func retryLater() {
        hasWaited = true
        guard retry == nil else { return }
        retry = loop.schedule(afterMilliseconds: Self.retryDelay) { [unowned self] in
            retry = nil
            send()
        }
    }
}
