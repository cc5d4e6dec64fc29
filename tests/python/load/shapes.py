r"""Small dumps as their producers write them, each with its true row counts.

Written by hand after each producer's format; only what differs between them matters.
"""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """A dump and how many rows each of its tables has."""

    dump: str
    rows: dict[str, int]


PHPMYADMIN = r"""-- phpMyAdmin SQL Dump
-- version 5.2.1
-- https://www.phpmyadmin.net/
--
-- Host: localhost:3306
-- PHP Version: 8.1.2

SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";


/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;

DELIMITER $$
CREATE DEFINER=`root`@`localhost` PROCEDURE `p` (IN `a` INT)   BEGIN
INSERT INTO chat VALUES (9, 'no row');
END$$

DELIMITER ;

-- --------------------------------------------------------

CREATE TABLE `chat` (
  `id` int(11) NOT NULL,
  `name` varchar(20) NOT NULL DEFAULT 'it''s',
  `flag` bit(1) DEFAULT b'0'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

INSERT INTO `chat` (`id`, `name`, `flag`) VALUES
(1, 'one; \'two\'', b'0'),
(2, 'O''Neil', b'1');

CREATE TABLE `v` (
`id` int(11)
);
DROP TABLE IF EXISTS `v`;

CREATE ALGORITHM=UNDEFINED VIEW `v`  AS SELECT `chat`.`id` AS `id` FROM `chat` ;

ALTER TABLE `chat`
  ADD PRIMARY KEY (`id`),
  ADD KEY `n` (`name`);
ALTER TABLE `chat`
  MODIFY `id` int(11) NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=3;
COMMIT;

/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
"""

ADMINER = r"""-- Adminer 4.8.1 MySQL 8.0.33 dump

SET NAMES utf8;
SET time_zone = '+00:00';
SET foreign_key_checks = 0;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';

USE `shop`;

SET NAMES utf8mb4;

DROP TABLE IF EXISTS `chat`;
CREATE TABLE `chat` (
  `id` int NOT NULL,
  `name` text
) ENGINE=InnoDB;

TRUNCATE `chat`;
INSERT INTO `chat` (`id`, `name`) VALUES
(1,	'one'),
(2,	NULL);

-- 2024-01-01 00:00:00
"""

ADMINER_UPDATES = ADMINER.replace(
    "NULL);", "NULL)\nON DUPLICATE KEY UPDATE `id` = VALUES(`id`);"
)

HEIDISQL = r"""-- --------------------------------------------------------
-- Host:                         127.0.0.1
-- Server version:               10.6.12-MariaDB - mariadb.org binary distribution
-- HeidiSQL Version:             12.3.0.6589
-- --------------------------------------------------------

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
CREATE DATABASE IF NOT EXISTS `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;
USE `shop`;

CREATE TABLE IF NOT EXISTS `chat` (
  `id` int(11) NOT NULL,
  `b` blob DEFAULT NULL
) ENGINE=InnoDB;

DELETE FROM `chat`;
/*!40000 ALTER TABLE `chat` DISABLE KEYS */;
INSERT INTO `chat` (`id`, `b`) VALUES
	(1, _binary 0x00ff27),
	(2, NULL);
/*!40000 ALTER TABLE `chat` ENABLE KEYS */;

SET @OLDTMP_SQL_MODE=@@SQL_MODE, SQL_MODE='STRICT_TRANS_TABLES';
DELIMITER //
CREATE TRIGGER `x` BEFORE INSERT ON `chat` FOR EACH ROW BEGIN
  INSERT INTO `chat` VALUES (3, 'no');
END//
DELIMITER ;
SET SQL_MODE=@OLDTMP_SQL_MODE;

/*!40103 SET TIME_ZONE=IFNULL(@OLD_TIME_ZONE, 'system') */;
/*!40101 SET CHARACTER_SET_CLIENT=IFNULL(@OLD_CHARACTER_SET_CLIENT, '') */;
"""

SEQUEL_ACE = r"""# ************************************************************
# Sequel Ace SQL dump
# Version 20046
#
# Host: 127.0.0.1 (MySQL 8.0.31)
# Database: shop
# ************************************************************


/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
SET NAMES utf8mb4;
/*!40101 SET @OLD_SQL_MODE='NO_AUTO_VALUE_ON_ZERO', SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;

# Dump of table chat
# ------------------------------------------------------------

CREATE TABLE `chat` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(255) DEFAULT '',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `chat` WRITE;
/*!40000 ALTER TABLE `chat` DISABLE KEYS */;

INSERT INTO `chat` (`id`, `name`)
VALUES
	(1,'one'),
	(2,'# no comment'),
	(3,X'74776F');

/*!40000 ALTER TABLE `chat` ENABLE KEYS */;
UNLOCK TABLES;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
"""

NAVICAT = r"""/*
 Navicat Premium Data Transfer

 Source Server         : it's local
 Source Server Type    : MySQL
 Date: 01/01/2024 00:00:00
*/

SET NAMES utf8mb4;
SET FOREIGN_KEY_CHECKS = 0;

-- ----------------------------
-- Table structure for chat
-- ----------------------------
DROP TABLE IF EXISTS `chat`;
CREATE TABLE `chat`  (
  `id` int NOT NULL,
  `name` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci NULL DEFAULT NULL,
  PRIMARY KEY (`id`) USING BTREE
) ENGINE = InnoDB AUTO_INCREMENT = 3 CHARACTER SET = utf8mb4 ROW_FORMAT = Dynamic;

-- ----------------------------
-- Records of chat
-- ----------------------------
BEGIN;
INSERT INTO `chat` VALUES (1, 'one');
INSERT INTO `chat` (`id`, `name`) VALUES (2, NULL);
COMMIT;

SET FOREIGN_KEY_CHECKS = 1;
"""

MYSQLPUMP = r"""-- Dump created by MySQL pump utility, version: 8.0.33, Linux (x86_64)
-- Dump start time: Mon Jan  1 00:00:00 2024
-- Server version: 8.0.33

SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0;
SET @OLD_SQL_MODE=@@SQL_MODE;
SET SQL_MODE="NO_AUTO_VALUE_ON_ZERO";
SET @@SESSION.SQL_LOG_BIN= 0;
SET @OLD_TIME_ZONE=@@TIME_ZONE;
SET TIME_ZONE='+00:00';
SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT;
SET NAMES utf8mb4;
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8 */;
CREATE TABLE `shop`.`chat` (
`id` int NOT NULL,
`name` text
) ENGINE=InnoDB
;
INSERT INTO `shop`.`chat` VALUES (1,"one's"),(2,"\"two\"");
USE `shop`;
ALTER TABLE `shop`.`chat` ADD KEY `k` (`id`);
SET TIME_ZONE=@OLD_TIME_ZONE;
SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT;
SET SQL_MODE=@OLD_SQL_MODE;
SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS;
-- Dump end time: Mon Jan  1 00:00:01 2024
"""

MYDUMPER = r"""/*!40101 SET NAMES binary*/;
/*!40014 SET FOREIGN_KEY_CHECKS=0*/;
/*!40103 SET TIME_ZONE='+00:00' */;
CREATE TABLE `chat` (`id` int, `name` text, `j` json) DEFAULT CHARSET=utf8mb4;
INSERT INTO `chat` VALUES
(1,"it's",CONVERT("{\"a\": 1}" USING UTF8MB4))
,(2,"\"q\"",NULL)
;
"""

WITH_GTID = r"""-- MySQL dump 10.13  Distrib 8.4.0, for Linux (x86_64)
--
-- Host: x.rds.amazonaws.com    Database: shop
-- ------------------------------------------------------
-- Server version	8.4.0

/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;

SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,
3e11fa47-71ca-11e1-9e33-c80aa9429563:1-77';

-- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='b.000003', SOURCE_LOG_POS=157;

DROP TABLE IF EXISTS `chat`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `chat` (
  `id` int NOT NULL AUTO_INCREMENT,
  `secret` int DEFAULT '7' /*!80023 INVISIBLE */,
  `place` point NOT NULL /*!80003 SRID 4326 */,
  PRIMARY KEY (`id`),
  SPATIAL KEY `s` (`place`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
/*!50100 PARTITION BY HASH (`id`)
PARTITIONS 2 */;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `chat` WRITE;
/*!40000 ALTER TABLE `chat` DISABLE KEYS */;
INSERT INTO `chat` (`id`, `secret`, `place`) VALUES (1,7,0xE6100000010100),(2,8,0x00);
/*!40000 ALTER TABLE `chat` ENABLE KEYS */;
UNLOCK TABLES;
SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

-- Dump completed on 2024-02-03  4:05:06
"""

SAKILA = r"""-- Sakila Sample Database Data
-- Version 1.4

SET NAMES utf8mb4;
SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0;
SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='TRADITIONAL';
SET @old_default_storage_engine = @@default_storage_engine;
SET @@default_storage_engine = 'MyISAM';
/*!50610 SET @@default_storage_engine = 'InnoDB'*/;
DROP SCHEMA IF EXISTS sakila;
CREATE SCHEMA sakila;
USE sakila;

CREATE TABLE address (
  address_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT,
  address VARCHAR(50) NOT NULL,
  -- Add GEOMETRY column for MySQL 5.7.5 and higher
  /*!50705 location GEOMETRY */ /*!80003 SRID 0 */ /*!50705 NOT NULL,*/
  last_update TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY  (address_id),
  /*!50705 SPATIAL KEY `idx_location` (location),*/
  CONSTRAINT `fk` FOREIGN KEY (address) REFERENCES city (id) ON DELETE RESTRICT
)ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
SET @@default_storage_engine = @old_default_storage_engine;

SET AUTOCOMMIT=0;
INSERT INTO `address` VALUES (1,'47 MySakila Drive',
/*!50705 0x0000000001010000003E0A325D63345CC0761FDB8D99D94840,*/
'2014-09-25 22:30:27'),
(2,'O\'Hare',/*!50705 0x00,*/'2014-09-25 22:30:09');
COMMIT;

CREATE TRIGGER address_date BEFORE INSERT ON address
	FOR EACH ROW SET NEW.last_update = NOW();

DELIMITER //
CREATE FUNCTION f(p INT) RETURNS DECIMAL(5,2) DETERMINISTIC
BEGIN
  #a comment; isn't it
  IF p > 1 THEN INSERT INTO address VALUES (3,'x',NULL,NULL); END IF;
  RETURN 1;
END //
DELIMITER ;
CREATE VIEW a_list AS SELECT a.address_id AS ID, 'INSERT INTO x' AS n FROM address a;
SET SQL_MODE=@OLD_SQL_MODE;
SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS;
"""

SAMPLES = r"""# Northwind and its like, written by hand
--------------------------------------------
--no space, and yet a comment to the client
DROP DATABASE IF EXISTS employees;
CREATE DATABASE IF NOT EXISTS employees;
use employees
SELECT 'CREATING DATABASE STRUCTURE' as 'INFO';
/*!50503 set default_storage_engine = InnoDB */;
/*!50503 select CONCAT('storage engine: ', @@default_storage_engine) as INFO */;
CREATE TABLE departments (
    dept_no     CHAR(4)         NOT NULL,
    dept_name   VARCHAR(40)     NOT NULL DEFAULT 'none',
    PRIMARY KEY (dept_no),
    UNIQUE  KEY (dept_name)
);
flush /*!50503 binary */ logs;
CREATE TABLE archive LIKE departments;
INSERT INTO `departments` VALUES
('d001','Marketing'), -- the first
('d002','Finance') /* the second */
;
insert into departments (dept_no) values ('d003'),('d004');insert into archive
  # the columns
  (dept_no, /* code */ dept_name) values
  -- the rows
  (N'd001', DEFAULT);
REPLACE archive VALUES ('d002', _utf8mb4'x');
"""

SHAPES = {
    "phpMyAdmin": Shape(PHPMYADMIN, {"chat": 2}),
    "Adminer": Shape(ADMINER, {"chat": 2}),
    "HeidiSQL": Shape(HEIDISQL, {"chat": 2}),
    "Sequel Ace": Shape(SEQUEL_ACE, {"chat": 3}),
    "Navicat": Shape(NAVICAT, {"chat": 2}),
    "mysqlpump": Shape(MYSQLPUMP, {"chat": 2}),
    "mydumper": Shape(MYDUMPER, {"chat": 2}),
    "MySQL 8.4 on RDS": Shape(WITH_GTID, {"chat": 2}),
    "Sakila": Shape(SAKILA, {"address": 2}),
    "sample databases": Shape(SAMPLES, {"departments": 4, "archive": 2}),
}
SIGNED = {"mysqlpump": MYSQLPUMP, "MySQL 8.4 on RDS": WITH_GTID}
