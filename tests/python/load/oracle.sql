-- What the oracle test dumps: every type of column, and every kind of text.
create table `numbers` (
  id int unsigned not null auto_increment primary key,
  i1 tinyint, i1u tinyint unsigned, i2 smallint, i2u smallint unsigned,
  i3 mediumint, i3u mediumint unsigned, i4 int, i4u int unsigned,
  i8 bigint, i8u bigint unsigned, zero int(5) unsigned zerofill,
  money decimal(30,10), small decimal(3,3) unsigned, f float, d double, dd double(10,3),
  b1 bit(1), b8 bit(8), b64 bit(64), yes bool
);
set @tiny = 1e-308;
insert into numbers values
  (1, -128, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808, 0, 0,
   -12345678901234567890.0123456789, 0, -1.5e-10, 1e-308, -1.5, b'0', b'0', b'0', false),
  (2, 127, 255, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295,
   9223372036854775807, 18446744073709551615, 42, 0.1, .999, 3.4e38, 1.7976931348623157e308,
   9999999.999, b'1', b'11111111', 0xffffffffffffffff, true),
  (3, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 99999, -0.0000000001, .001, -0e0, -0e0, -0e0,
   b'1', 0x27, 0x5c0027000a, 2),
  (4, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null),
  (5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0, 9, 0x0d, -1);

create table `times` (
  id int primary key, d date, t0 time, t6 time(6), y year, dt datetime, dt3 datetime(3),
  dt6 datetime(6), ts timestamp null, ts6 timestamp(6) null
);
set sql_mode = 'ALLOW_INVALID_DATES';
insert into `times` values
  (1, '0000-00-00', '-838:59:59', '838:59:59', 0, '0000-00-00', '0000-00-00', '0000-00-00',
   '0000-00-00', '0000-00-00'),
  (2, '9999-12-31', '838:59:59', '-00:00:00.000001', 2155, '9999-12-31 23:59:59',
   '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999999', '2038-01-01 00:00:00',
   '1970-01-02 00:00:00.000001'),
  (3, '2024-02-00', '00:00:00', '00:00:00', 1901, '2024-02-30 01:02:03',
   '2024-01-01 00:00:00.5', '1000-01-01', '2024-03-31 02:30:00', '2024-10-27 02:30:00.25'),
  (4, null, null, null, null, null, null, null, null, null);
set sql_mode = default;

create table `texts` (
  id int primary key,
  c char(80), v varchar(100), t text, l4 longtext,
  l varchar(100) character set latin1, a varchar(100) character set ascii,
  u3 varchar(100) character set utf8mb3, u16 varchar(100) character set utf16,
  j json, e enum('', 'a,b', 'it''s', 'é'), s set('x', 'y z', 'é')
) default charset=utf8mb4;

create table `bytes` (
  id int primary key, b binary(8), vb varbinary(300), tb tinyblob, bl blob, lb longblob,
  cb varchar(300) character set binary
);

create table `kinds` (
  id int primary key, u uuid, ip6 inet6, p point, g geometry, ls linestring
);
insert into kinds values
  (1, '123e4567-e89b-12d3-a456-426655440000', '2001:db8::ff00:42:8329', point(1, -2.5),
   point(0, 0), linestring(point(0, 0), point(39, 92))),
  (2, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '::ffff:192.0.2.1', point(39, 92),
   st_geomfromtext('polygon((0 0,0 9,9 9,0 0))'), null),
  (3, null, null, null, null, null);

create table `generated` (
  id int primary key, price decimal(6,2) not null,
  twice decimal(8,2) generated always as (price * 2) virtual,
  kept varchar(20) generated always as (concat('<', id, '>')) stored,
  `secret` varchar(10) invisible default 'hidden', last varchar(10)
);
insert into `generated` (id, price, `secret`, last) values
  (1, 1.5, 'x', 'a'), (2, -0.01, null, null), (3, 0, default, '');

create table `select` (
  `order` int primary key, `group by` text, `it's` text, `a,b` text, `c)d` text,
  `back``tick` text, `dou"ble` text, `values` text, `é` text, `semi;colon` text,
  `-- no` text, `KEY` int, `primary` int, `UPPER` int, `1st` int, key `index` (`KEY`),
  constraint `check` check (`KEY` > 0)
) comment='it''s; -- a (comment)';
insert into `select` values
  (1, 'g', 'i', 'ab', 'cd', 'bt', 'dq', 'v', 'e', 's', 'n', 1, 2, 3, 4),
  (2, null, '', null, '', null, '', null, '', null, '', 1, null, 3, null);

-- PostgreSQL's text cannot hold the second row.
create table with_nul (id int primary key, t text);
insert into with_nul values (1, 'a'), (2, 'a\0b'), (3, '');

create table `empty` (id int, t text);
create table `log` (x text);
create view `viewed` as select id, t from `texts`;
create view `a_view_of_it` as select * from `viewed`;
delimiter ;;
create trigger tr after insert on `empty` for each row begin
  insert into log values ('x;'); insert into `select` (`order`) values (9);
end;;
create procedure pp() begin insert into `empty` values (1, 'it''s'); end;;
create function ff() returns int deterministic return 1;;
create event ee on schedule every 1 year disable do begin
  insert into `empty` values (2, 'e'); end;;
delimiter ;
