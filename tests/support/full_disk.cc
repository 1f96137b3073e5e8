// A disk that is full when a test says so, for any program: loaded with LD_PRELOAD, this library answers ENOSPC where
// the kernel would, and needs no right to mount anything.
//
//   FULL_DISK_FOLDER  what lies below it is on that disk
//   FULL_DISK_SWITCH  a file; while it exists there is no room: files cannot grow or be made, statvfs says 0 free.
//                     With "later" in it, statvfs still claims that there is room: as when somebody else takes it
//                     between the question and the write.
//
//   FULL_DISK_FAILS   a file; while it exists, every fsync there fails with EIO.
//
// Writes over what a file holds already succeed, as on a real disk.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace {

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool IsBelow(const char* path) {
  static const char* const folder = std::getenv("FULL_DISK_FOLDER");
  return folder != nullptr && std::strncmp(path, folder, std::strlen(folder)) == 0;
}

bool IsFull() {
  static const char* const file = std::getenv("FULL_DISK_SWITCH");
  const int saved = errno;
  const bool full = file != nullptr && access(file, F_OK) == 0;
  errno = saved;
  return full;
}

bool ClaimsRoom() {
  static const char* const file = std::getenv("FULL_DISK_SWITCH");
  struct stat status {};
  return stat(file, &status) == 0 && status.st_size > 0;
}

bool IsOnDisk(int fd) {
  char link[64] = "/proc/self/fd/", path[PATH_MAX];
  char* at = link + std::strlen(link);
  char digits[16];
  int count = 0;
  for (int rest = fd; rest > 0 || count == 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
  while (count > 0) *at++ = digits[--count];
  *at = '\0';
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return false;
  path[size] = '\0';
  return IsBelow(path);
}

// How much of a write at this offset fits: what the file holds already.
size_t Fitting(int fd, size_t size, off_t offset) {
  struct stat status {};
  if (!IsFull() || !IsOnDisk(fd) || fstat(fd, &status) != 0) return size;
  if (offset >= status.st_size) return 0;
  return std::min(size, static_cast<size_t>(status.st_size - offset));
}

ssize_t NoRoom() {
  errno = ENOSPC;
  return -1;
}

// The next fsync of a kernel that could not write succeeds: it has dropped what it could not.
int Sync(int fd, const char* name) {
  static const char* const fails = std::getenv("FULL_DISK_FAILS");
  if (fails != nullptr && access(fails, F_OK) == 0 && IsOnDisk(fd)) {
    errno = EIO;
    return -1;
  }
  return Real<int (*)(int)>(name)(fd);
}

int Open(int folder, const char* path, int flags, mode_t mode) {
  struct stat status {};
  if ((flags & O_CREAT) != 0 && IsFull() && IsBelow(path) && fstatat(folder, path, &status, 0) != 0) {
    return static_cast<int>(NoRoom());
  }
  return Real<int (*)(int, const char*, int, ...)>("openat")(folder, path, flags, mode);
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  if (!IsFull() || !IsOnDisk(fd)) return real(fd, bytes, size);
  const off_t at = (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
  const size_t fits = Fitting(fd, size, at);
  return fits == 0 && size > 0 ? NoRoom() : real(fd, bytes, fits);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  const size_t fits = Fitting(fd, size, offset);
  return fits == 0 && size > 0 ? NoRoom() : real(fd, bytes, fits, offset);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return pwrite64(fd, bytes, size, offset);
}

int fsync(int fd) {
  return Sync(fd, "fsync");
}
int fdatasync(int fd) {
  return Sync(fd, "fdatasync");
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  static const auto real = Real<int (*)(int, int, off64_t, off64_t)>("fallocate64");
  if (IsFull() && IsOnDisk(fd)) return static_cast<int>(NoRoom());
  return real(fd, mode, offset, length);
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
  return fallocate64(fd, mode, offset, length);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return Open(AT_FDCWD, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return Open(AT_FDCWD, path, flags, mode);
}

int statvfs64(const char* path, struct statvfs64* status) {
  static const auto real = Real<int (*)(const char*, struct statvfs64*)>("statvfs64");
  const int result = real(path, status);
  if (result == 0 && IsFull() && !ClaimsRoom() && IsBelow(path)) status->f_bavail = status->f_bfree = 0;
  return result;
}
int statvfs(const char* path, struct statvfs* status) {
  static_assert(sizeof(struct statvfs) == sizeof(struct statvfs64));
  return statvfs64(path, reinterpret_cast<struct statvfs64*>(status));
}

}  // extern "C"
