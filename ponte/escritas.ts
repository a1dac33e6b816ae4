/**
 * Os PUTs da ponte: esperam a vez, vão numa transação, e cada um tem a sua resposta.
 *
 * @module
 */

import type { Conexao } from "../lib/conexao.ts";
import { abrirFila, type NaFila } from "../lib/fila.ts";
import { falhaDefinitiva } from "../lib/pedidos.ts";
import { DE_VERDADE, RELOGIO_MS } from "../lib/tempo.ts";
import { noLimite, textoDoErro } from "../lib/texto.ts";
import { CONSOLE, type Corpo, type CorpoDe, LIMITES_AO_ATENDER } from "../mensagem.ts";
import type { Mostra } from "./mostra.ts";
import { type Membro, OPERACOES_MAX, type Partes } from "./partes.ts";

/** Limites do que se pede ao etcd. */
const LIMITES = {
  /** Caracteres de key e value de uma transação; o etcd aceita 1,5 MiB por pedido. */
  caracteres: 256 * 1024,
  /** Transações ao mesmo tempo: esperam pelo disco, e o que chega entretanto junta-se. */
  gravando: 1,
  /** Quanto se espera, em milissegundos, por quem acaba de ter resposta e talvez peça outra vez. */
  juntar: 8,
  /** Caracteres de todos os PUTs recebidos e por acabar; além, ERRO definitivo. */
  puts: 64 * 1024 * 1024,
} as const;

/** Um PUT, de quando chega até a resposta. */
interface Escrita extends CorpoDe<"PUT"> {
  readonly conexao: Conexao;
  readonly vence: number;
  readonly tamanho: number;
}

/** Os PUTs de todas as conexões. */
export function abrirEscritas(
  { etcd, membro, enviar, conexoesDe, mostra }: Partes & { membro: Membro; mostra: Mostra },
) {
  const fila = abrirFila<Escrita>(LIMITES.puts);
  /** Os que estão numa transação, por responder; e as keys deles, que esperam por ela. */
  const emVoo = new Set<NaFila<Escrita>>();
  const ocupadas = new Set<string>();
  let gravando = 0;
  let marcado = false;
  /** Quantos foram na última transação, e se se espera que outros tantos venham. */
  let ultimos = 0;
  let juntando = false;
  let relogio: (() => void) | undefined;

  function responder(put: NaFila<Escrita>, resposta: Corpo): void {
    if (!fila.responder(put)) return;
    const { conexao, tamanho, id } = put.pedido;
    enviar(conexao, { ...resposta, id });
    conexoesDe(conexao).acabar(conexao, tamanho);
  }

  function falhar(put: NaFila<Escrita>, erro: string, definitivo: boolean): void {
    fila.tirar(put);
    responder(put, { tipo: "ERRO", erro: `PUT ${erro}`, definitivo });
  }

  function verificarPrazos(): void {
    const agora = DE_VERDADE.agora();
    const motivo = membro.comLider ? "o etcd está ocupado" : "o etcd não tem líder";
    for (const put of fila.espera) {
      if (put.pedido.vence <= agora) falhar(put, `não aceito no prazo: ${motivo}`, true);
    }
    for (const put of emVoo) {
      if (put.pedido.vence <= agora) falhar(put, "não confirmado no prazo pelo etcd", false);
    }
    relogio = fila.espera.size + emVoo.size > 0
      ? DE_VERDADE.depois(RELOGIO_MS, verificarPrazos)
      : undefined;
  }

  /** Os próximos que cabem numa transação: cada key uma vez, e nenhuma que já vá noutra. */
  function proximos(): NaFila<Escrita>[] {
    const lote: NaFila<Escrita>[] = [];
    const keys = new Set(ocupadas);
    let caracteres = 0;
    for (const put of fila.espera) {
      const { key, value } = put.pedido;
      if (keys.has(key)) continue;
      caracteres += key.length + value.length;
      if (lote.length > 0 && caracteres > LIMITES.caracteres) break;
      keys.add(key);
      lote.push(put);
      if (lote.length === OPERACOES_MAX) break;
    }
    return lote;
  }

  function escoar(): void {
    if (juntando && fila.espera.size < ultimos) return;
    while (membro.comLider && gravando < LIMITES.gravando) {
      const lote = proximos();
      if (lote.length === 0) return;
      gravar(lote);
    }
  }

  async function gravar(lote: readonly NaFila<Escrita>[]): Promise<void> {
    gravando++;
    for (const put of lote) {
      fila.tirar(put);
      emVoo.add(put);
      ocupadas.add(put.pedido.key);
    }
    const pares = lote.map(({ pedido }) => pedido);
    const prazo = Math.max(...pares.map(({ vence }) => vence)) - DE_VERDADE.agora();
    const acabar = mostra.gravando(pares);
    try {
      const timestamp = await etcd.gravar(pares, Math.max(1, prazo));
      acabar(timestamp);
      for (const put of lote) {
        const { key, conexao } = put.pedido;
        if (!put.respondido) mostra.linha?.(CONSOLE.putOk(conexao.endereco, key, timestamp));
        responder(put, { tipo: "PUT_OK", key, timestamp });
      }
    } catch (erro) {
      acabar(undefined);
      for (const put of lote) {
        falhar(put, `não confirmado: ${textoDoErro(erro)}`, falhaDefinitiva(erro));
      }
    }
    gravando--;
    for (const put of lote) {
      emVoo.delete(put);
      ocupadas.delete(put.pedido.key);
    }
    ultimos = lote.length;
    juntando = true;
    DE_VERDADE.depois(LIMITES.juntar, () => {
      juntando = false;
      escoar();
    });
  }

  return {
    semResposta: () => fila.semResposta,
    escoar,
    receber(conexao: Conexao, pedido: CorpoDe<"PUT">, vence: number): void {
      const { key, value } = pedido;
      const conexoes = conexoesDe(conexao);
      const tamanho = Math.max(key.length + value.length, LIMITES_AO_ATENDER.pedidoMinimo);
      const cabe = conexoes.cabe(conexao);
      const put = fila.receber({ ...pedido, conexao, vence, tamanho });
      mostra.linha?.(CONSOLE.put(conexao.endereco, key, value));
      conexoes.comecar(conexao, tamanho);
      if (!put.cabe || !cabe) {
        return falhar(put, `recusado: ${noLimite("já há PUTs demais em curso")}`, true);
      }
      relogio ??= DE_VERDADE.depois(RELOGIO_MS, verificarPrazos);
      if (marcado) return;
      // Os que vieram na mesma volta vão juntos.
      marcado = true;
      DE_VERDADE.aSeguir(() => {
        marcado = false;
        escoar();
      });
    },
  };
}
