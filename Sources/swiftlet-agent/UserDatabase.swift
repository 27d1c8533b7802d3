import Glibc
import GuestSystem
import Host
import SystemPackage

/// The guest's users and groups, by `/etc/passwd` and `/etc/group`.
enum UserDatabase {
    struct Problem: Error {
        let text: String
    }

    struct Account {
        /// nil for the agent's own.
        var identity: CommandStart.Identity?
        var home: String
    }

    private struct User {
        let name: Substring
        let number: UInt32
        let group: UInt32
        let home: Substring
    }

    private struct Group {
        let name: Substring
        let number: UInt32
        let members: [Substring]
    }

    /// Whom `USER` or `USER:GROUP` means, by names or numbers, as `docker exec -u` has it.
    static func account(_ text: String) throws(Problem) -> Account {
        guard !text.isEmpty else { return Account(identity: nil, home: home(of: getuid())) }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let groups = self.groups()
        let user = users().first { $0.name == parts[0] } ?? users().first { UInt32(parts[0]) == $0.number }
        guard let number = user?.number ?? UInt32(parts[0]) else {
            throw Problem(text: "the guest has no user \(parts[0])")
        }
        var identity = CommandStart.Identity(user: number, group: user?.group ?? 0, groups: [])
        if let word = parts.dropFirst().first {
            guard let group = groups.first(where: { $0.name == word })?.number ?? UInt32(word) else {
                throw Problem(text: "the guest has no group \(word)")
            }
            identity.group = group
        } else if let user {
            identity.groups = groups.filter { $0.members.contains(user.name) }.map(\.number)
        }
        identity.groups.insert(identity.group, at: 0)
        let isOwn = getuid() != 0 && getuid() == identity.user && getgid() == identity.group
        return Account(identity: isOwn ? nil : identity, home: user.map { String($0.home) } ?? "/")
    }

    private static func home(of number: uid_t) -> String {
        users().first { $0.number == number }.map { String($0.home) } ?? (number == 0 ? "/root" : "/")
    }

    private static func fields(_ path: String, count: Int) -> [[Substring]] {
        text(of: FilePath(path)).split(separator: "\n")
            .map { $0.split(separator: ":", omittingEmptySubsequences: false) }.filter { $0.count >= count }
    }

    /// Bytes that are read of a file at most.
    private static let limit = 4 << 20

    /// A file's text; empty where it is none. Whatever the guest puts there holds the agent up for no time.
    private static func text(of path: FilePath) -> String {
        guard let file = try? OwnedFileDescriptor(opening: path, .readOnly, options: .nonBlocking),
            (try? file.descriptor.fileStatus())?.kind == .file
        else { return "" }
        var bytes: [UInt8] = []
        while bytes.count < limit, case .bytes(let more) = try? ByteStream.read(file.descriptor, limit: 1 << 16) {
            bytes += more
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func users() -> [User] {
        fields("/etc/passwd", count: 6).compactMap { fields in
            guard let number = UInt32(fields[2]), let group = UInt32(fields[3]) else { return nil }
            return User(name: fields[0], number: number, group: group, home: fields[5].isEmpty ? "/" : fields[5])
        }
    }

    private static func groups() -> [Group] {
        fields("/etc/group", count: 4).compactMap { fields in
            UInt32(fields[2]).map { Group(name: fields[0], number: $0, members: fields[3].split(separator: ",")) }
        }
    }
}
