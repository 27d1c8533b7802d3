import SystemPackage

/// Output to a descriptor whose reader may be slow or away: what it does not take now waits, and goes out when it does.
///
/// It belongs to the thread of its loop.
public final class OutputStream {
    private let descriptor: FileDescriptor
    private let loop: EventLoop
    private let onDrained: () -> Void
    private var pending: ArraySlice<UInt8> = []
    private var token: EventLoop.Token?
    private var isScheduled = false
    /// Whether the reader is gone for good; output is dropped.
    public private(set) var isClosed = false

    /// Bytes behind which a writer should wait.
    private static let limit = 1 << 16
    /// Milliseconds until a full disk is tried again.
    private static let retryDelay: UInt64 = 200

    /// - Parameters:
    ///   - descriptor: stays the caller's; it should not block.
    ///   - onDrained: called when the last output has gone out after it had to wait.
    public init(_ descriptor: FileDescriptor, loop: EventLoop, onDrained: @escaping () -> Void = {}) {
        self.descriptor = descriptor
        self.loop = loop
        self.onDrained = onDrained
    }

    /// Whether so much output waits that more should not be made.
    public var isCongested: Bool { pending.count >= Self.limit }

    /// Writes bytes, in order, now or later.
    public func write(_ bytes: some Sequence<UInt8>) {
        guard !isClosed else { return }
        pending.append(contentsOf: bytes)
        if token == nil && !isScheduled {
            send()
        }
    }

    /// Forgets the descriptor, before it is closed.
    public func close() {
        isClosed = true
        pending = []
        stopWaiting()
    }

    /// Writes what waits, also where that blocks: for the end of a process.
    public func flush() {
        while !pending.isEmpty, !isClosed, let count = try? ByteStream.write(descriptor, pending), count > 0 {
            pending = pending.dropFirst(count)
        }
    }

    private func send() {
        while !pending.isEmpty {
            do throws(SystemCallError) {
                let count = try ByteStream.write(descriptor, pending)
                pending = pending.dropFirst(count)
                guard count > 0 else { return waitForReader() }
            } catch {
                guard error.errno == .noSpace || error.errno == .diskQuotaExceeded else { return close() }
                return retryLater()
            }
        }
        pending = []
        if token != nil {
            stopWaiting()
            onDrained()
        }
    }

    private func waitForReader() {
        guard token == nil else { return }
        // What can't be waited for, such as a file, never asks to be.
        token = try? loop.add(descriptor, .writable) { [unowned self] _ in send() }
    }

    private func stopWaiting() {
        if let token {
            loop.remove(token)
        }
        token = nil
    }

    private func retryLater() {
        isScheduled = true
        loop.schedule(afterMilliseconds: Self.retryDelay) { [weak self] in
            guard let self else { return }
            isScheduled = false
            send()
            if pending.isEmpty {
                onDrained()
            }
        }
    }
}
