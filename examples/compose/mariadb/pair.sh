# Run by the entrypoint of the MariaDB image, on each server once, when its data directory is new: accounts, a
# table for the client, and the link from the other server. Both begin with the same content and an empty history.
# The agent starts the links.

password_of() {
  docker_sql_escape_string_literal "$(cat "/run/secrets/$1_password")"
}

docker_process_sql <<SQL
SET sql_log_bin = 0;

CREATE USER 'replication'@'%' IDENTIFIED BY '$(password_of replication)';
GRANT REPLICATION SLAVE ON *.* TO 'replication'@'%';

CREATE USER 'mmm'@'%' IDENTIFIED BY '$(password_of mmm)';
GRANT PROCESS, SLAVE MONITOR, READ_ONLY ADMIN, CONNECTION ADMIN, REPLICATION SLAVE ADMIN ON *.* TO 'mmm'@'%';

CREATE USER 'mmm_verify'@'%' IDENTIFIED BY '$(password_of verify)';

CREATE DATABASE shop;
CREATE TABLE shop.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, placed_at DATETIME(3) NOT NULL);
CREATE USER 'app'@'%' IDENTIFIED BY '$(password_of app)';
GRANT SELECT, INSERT ON shop.* TO 'app'@'%';

RESET MASTER;
SET GLOBAL gtid_slave_pos = '';
CHANGE MASTER TO master_host = '$PEER', master_user = 'replication', master_password = '$(password_of replication)',
  master_use_gtid = slave_pos, master_heartbeat_period = 1, master_connect_retry = 1;
SQL
