import Host

/// Why a back-end can't be used, or has not done what it was asked.
public enum VhostUserError: Error, Sendable, Equatable {
    /// It closed the connection, or its process has ended.
    case ended
    /// It has not answered in time.
    case silent(VhostUserRequest)
    /// An answer is not of the form that belongs to the request.
    case wrongReply(VhostUserRequest)
    /// It sent what nobody asked for.
    case unasked
    /// It says that it can't go on with a queue.
    case gaveUp
    /// It says that it can't do what it was asked.
    case refused(VhostUserRequest)
    /// It lacks something that is needed.
    case lacks(String)
    /// It has less queues than are needed.
    case tooFewQueues(Int, needed: Int)
    /// It takes less regions of memory than are needed.
    case tooFewRegions(Int, needed: Int)
    /// A new back-end at the same place does not offer what the guest was told.
    case offersOthers
    /// Nobody is connected.
    case absent
    case host(SystemCallError)
}

extension VhostUserError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .ended: "the back-end has ended, or closed the connection"
        case .silent(let request): "the back-end does not answer to \(request)"
        case .wrongReply(let request): "the back-end's answer to \(request) is none"
        case .unasked: "the back-end sent what nobody asked for"
        case .gaveUp: "the back-end can't go on with a queue"
        case .refused(let request): "the back-end refuses \(request)"
        case .lacks(let feature): "the back-end lacks \(feature)"
        case .tooFewQueues(let count, let needed): "the back-end has \(count) queues, and \(needed) are needed"
        case .tooFewRegions(let count, let needed):
            "the back-end takes \(count) regions of memory, and \(needed) are needed"
        case .offersOthers: "the back-end that took the place of the one before offers less"
        case .absent: "there is no back-end"
        case .host(let error): error.description
        }
    }
}
