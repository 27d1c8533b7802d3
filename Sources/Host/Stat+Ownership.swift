import Glibc
import SystemPackage

extension Stat {
    /// Whether it belongs to somebody else than root and this process's user.
    public var isOthers: Bool { ![0, geteuid()].contains(userID.rawValue) }

    /// Whether nobody can have written to it, or to what it names, but root and this process's user.
    public var isSafeFromOthers: Bool { !isOthers && permissions.isDisjoint(with: [.groupWrite, .otherWrite]) }
}
